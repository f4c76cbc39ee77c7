import Carriers
import DXGProtocol
import Linux
import Testing
import VMBus

@testable import Guest

struct ConnectTests {
    @Test func aMachineStartsAsTheDriverDoes() throws {
        let (host, connection) = try StubHost.start()
        var options = GuestMachineOptions()
        options.name = "tester"
        options.token = [1, 2, 3]
        options.memoryBytes = 1 << 20
        let machine = try GuestMachine.connect(over: connection, options: options)
        #expect(host.hello?.name == "tester" && host.hello?.token == [1, 2, 3])
        #expect(machine.welcome.guestID == GUID(9, 9, 9, 9))
        #expect(machine.busVersion == .v5_3 && machine.interfaceVersion == .v40)
        #expect(machine.hostCapabilities == .mapGuestMemory)
        #expect(host.commands.map(\.name) == ["SetIoSpaceRegion", "OpenAdapter", "GetInternalAdapterInfo"])
        let region = try MessageView<SetIoSpaceRegion.Request>(host.waitForCommand("SetIoSpaceRegion").bytes.wireBytes)
        let (start, length) = (region.start, region.length)
        #expect(start == options.ioSpaceBase && length == 16 << 20)
        let open = try MessageView<OpenAdapter.Request>(host.waitForCommand("OpenAdapter").bytes.wireBytes)
        let (version, compatible) = (open.vmbusInterfaceVersion, open.vmbusLastCompatibleInterfaceVersion)
        #expect(version == 40 && compatible == 16)
        let adapter = try #require(machine.adapters.first)
        #expect(adapter.vgpuLUID == StubHost.luid(0) && adapter.name == "Stub")
        #expect(adapter.handle == D3DKMTHandle(index: 1, unique: 2) && adapter.hostLUID == LUID(low: 5, high: 6))
        #expect(adapter.luid.wire == GUID(0xA000, 1, 2, 3).leadingLUID)
        #expect(host.commands[0].relid == machine.globalRelid && host.commands[1].relid == adapter.relid)
        #expect(host.commands[1].vgpuLUID == StubHost.luid(0) && host.commands[0].vgpuLUID == .zero)
        #expect(host.regions == [MemoryRegion(base: 0, bytes: 1 << 20, fileOffset: 0)])
        #expect(machine.oddities.isEmpty && host.violations.isEmpty)
    }

    @Test func anOldDriverSpeaksVersion27() throws {
        let (host, connection) = try StubHost.start()
        var options = GuestMachineOptions()
        options.maximumInterfaceVersion = .v27
        let machine = try GuestMachine.connect(over: connection, options: options)
        #expect(machine.interfaceVersion == .v27 && machine.adapters.count == 1)
        #expect(machine.adapters[0].vgpuLUID == .zero)
        let open = try MessageView<OpenAdapter.Request>(host.waitForCommand("OpenAdapter").bytes.wireBytes)
        let version = open.vmbusInterfaceVersion
        #expect(version == 27)
        let process = try GuestProcess(machine, id: 7)
        #expect(try process.queryAdapterInfo(.adapterType, count: 4) == [0, 0, 0, 0])
    }

    @Test(arguments: [27, 28, 39] as [UInt32])
    func anOldHostMakesTheGuestOld(version: UInt32) throws {
        var behaviour = StubHost.Behaviour()
        behaviour.interfaceVersion = version
        let (_, connection) = try StubHost.start(behaviour)
        #expect(try GuestMachine.connect(over: connection).interfaceVersion == .v27)
    }

    @Test func lowerBusVersionsAreTried() throws {
        var behaviour = StubHost.Behaviour()
        behaviour.busMaximum = .v4_0
        let (host, connection) = try StubHost.start(behaviour)
        #expect(try GuestMachine.connect(over: connection).busVersion == .v4_0)
        let contacts = host.controlMessages.compactMap { message -> ProtocolVersion? in
            if case .initiateContact(let contact) = message { return contact.version }
            return nil
        }
        #expect(contacts == [.v5_3, .v5_2, .v5_1, .v5_0, .v4_1, .v4_0])
    }

    @Test func everyAdapterIsFoundByItsGUID() throws {
        var behaviour = StubHost.Behaviour()
        behaviour.adapters = 3
        let (_, connection) = try StubHost.start(behaviour)
        let machine = try GuestMachine.connect(over: connection)
        #expect(machine.adapters.map(\.function) == [0, 1, 2])
        #expect(machine.adapters.map(\.vgpuLUID) == (0..<3).map(StubHost.luid))
        #expect(Set(machine.adapters.map(\.relid)).count == 3)
    }

    @Test func asyncMessagesMoveToTheGlobalChannel() throws {
        var behaviour = StubHost.Behaviour()
        behaviour.asyncMessages = true
        behaviour.adapters = 2
        let (host, connection) = try StubHost.start(behaviour)
        let machine = try GuestMachine.connect(over: connection)
        // The second adapter is opened over the global channel already (docs/protocol/semantics.md 1.6).
        let opens = host.commands.filter { $0.name == "OpenAdapter" }
        #expect(opens.map(\.relid) == [machine.adapters[0].relid, machine.globalRelid])
        let process = try GuestProcess(machine, id: 1)
        try process.submitCommand(contexts: [D3DKMTHandle(index: 3, unique: 1)], commandBuffer: 0x1000, length: 64)
        let submit = host.waitForCommand("SubmitCommand")
        #expect(submit.relid == machine.globalRelid && submit.header.isAsync && !submit.wantsCompletion)
        #expect(submit.transactionID == 0 && submit.vgpuLUID == StubHost.luid(0))
        #expect(submit.header.process == process.handle)
    }

    @Test func refusalsAreReported() throws {
        var behaviour = StubHost.Behaviour()
        behaviour.refusal = (code: 3, text: "no such token")
        let (_, connection) = try StubHost.start(behaviour)
        #expect(throws: GuestError.refused(code: 3, reason: "no such token")) {
            _ = try GuestMachine.connect(over: connection)
        }
    }

    @Test func messagesOnAnotherChannelAreOdd() throws {
        let (host, connection) = try StubHost.start()
        let machine = try GuestMachine.connect(over: connection)
        var message = MessageBuilder<SignalGuestEvent.Message>()
        message.setHeader()
        let packet = try Packet.encode(type: .inBandData, payload: message.bytes.wireBytes, transactionID: 0)
        host.send(.packet(packet, relid: machine.adapters[0].relid))
        let marker = machine.makeEvent()
        host.signal(event: marker.id)
        try marker.wait()
        #expect(machine.oddities.count == 1)
    }

    @Test func aHostThatGoesAwayEndsAllCalls() throws {
        let (host, connection) = try StubHost.start(handlers: ["CreateDevice": { _, _ in nil }])
        let machine = try GuestMachine.connect(over: connection)
        let process = try GuestProcess(machine, id: 1)
        let event = machine.makeEvent()
        let pending = try machine.begin(
            MessageBuilder<CreateDevice.Request>(), as: process.handle, on: process.adapter)
        _ = host.waitForCommand("CreateDevice")
        host.connection.shutDown()
        #expect(throws: GuestError.self) { _ = try pending.wait() }
        #expect(throws: GuestError.self) { try event.wait() }
        #expect(throws: GuestError.self) { _ = try process.createDevice() }
        #expect(throws: GuestError.self) { _ = try machine.createGPADL(pages: [1]) }
    }

    @Test func stoppingInOrderClosesEverything() throws {
        let (host, connection) = try StubHost.start()
        let machine = try GuestMachine.connect(over: connection)
        try machine.shutDown()
        #expect(host.commands.last?.name == "CloseAdapter")
        let closes = [machine.adapters[0].relid, machine.globalRelid].map { GuestMessage.closeChannel(relid: $0) }
        #expect(Array(host.controlMessages.suffix(3)) == closes + [.unload])
        #expect(host.violations.isEmpty)
    }
}
