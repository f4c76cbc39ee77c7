import DXGProtocol
import Linux
import Synchronization
import Testing

@testable import Guest

struct CommandTests {
    private func start(
        _ handlers: [String: StubHost.Handler] = [:]
    ) throws -> (host: StubHost, process: GuestProcess) {
        let (host, connection) = try StubHost.start(handlers: handlers)
        return (host, try GuestProcess(GuestMachine.connect(over: connection), id: 42, name: "demo"))
    }

    @Test func processesSayWhoTheyAre() throws {
        let (host, process) = try start()
        let request = try MessageView<CreateProcess.Request>(host.waitForCommand("CreateProcess").bytes.wireBytes)
        let (id, linux) = (request.processId, request.linuxProcess)
        let name = String(decoding: request.processName.array().prefix { $0 != 0 }, as: UTF16.self)
        #expect(id == 42 && linux && name == "demo")
        try process.destroy()
        #expect(host.waitForCommand("DestroyProcess").header.process == process.handle)
    }

    @Test func failuresOfEachKindAreTold() throws {
        let (_, process) = try start(
            [
                "CreateDevice": { _, _ in MessageBuilder<HandleReply>(D3DKMTHandle.none).bytes },
                "DestroyDevice": { _, _ in MessageBuilder<StatusReply>(NTStatus.invalidParameter).bytes },
                "CreatePagingQueue": { _, _ in [] },
                "MakeResident": { _, _ in
                    var reply = MessageBuilder<MakeResident.Reply>()
                    reply.status = .noMemory
                    return reply.bytes
                },
            ])
        #expect(throws: GuestError.noHandle(command: "CreateDevice")) { _ = try process.createDevice() }
        #expect(throws: GuestError.status(.invalidParameter, command: "DestroyDevice")) {
            try process.destroyDevice(.none)
        }
        #expect(throws: GuestError.shortReply(command: "CreatePagingQueue", needed: 24, have: 0)) {
            _ = try process.createPagingQueue(device: .none)
        }
        #expect(throws: GuestError.status(.noMemory, command: "MakeResident")) {
            _ = try process.makeResident(pagingQueue: .none, allocations: [])
        }
    }

    @Test func repliesFindTheirCallersInAnyOrder() throws {
        let held = Mutex<[StubHost.Command]>([])
        let (host, process) = try start([
            "GetContextSchedulingPriority": { host, command in
                // Answered when all are there, last first; the context's index comes back as its priority.
                let all = held.withLock { held -> [StubHost.Command] in
                    held.append(command)
                    return held.count == 8 ? held : []
                }
                for command in all.reversed() {
                    var reply = MessageBuilder<GetContextSchedulingPriority.Reply>()
                    let request = try? MessageView<GetContextSchedulingPriority.Request>(command.bytes.wireBytes)
                    if let request { reply.priority = Int32(request.context.index) }
                    host.complete(command, reply.bytes)
                }
                return nil
            }
        ])
        let results = Monitor<[UInt32: Int32]>([:])
        for index in 1...8 as ClosedRange<UInt32> {
            _ = try ServiceThread {
                let priority = try? process.getContextSchedulingPriority(D3DKMTHandle(index: index, unique: 1))
                results.update { $0[index] = priority ?? -1 }
            }
        }
        let all = results.wait(until: .never) { $0.count == 8 ? $0 : nil }
        #expect(all == Dictionary(uniqueKeysWithValues: (1...8).map { (UInt32($0), Int32($0)) }))
        #expect(host.violations.isEmpty && process.machine.oddities.isEmpty)
    }

    @Test func aReplyThatDoesNotComeInTimeIsAnError() throws {
        let (host, connection) = try StubHost.start(handlers: ["CreateDevice": { _, _ in nil }])
        var options = GuestMachineOptions()
        options.replyTimeoutNanoseconds = nil
        let machine = try GuestMachine.connect(over: connection, options: options)
        let pending = try machine.begin(MessageBuilder<CreateDevice.Request>(), on: machine.adapters[0])
        #expect(throws: GuestError.timedOut("CreateDevice")) { _ = try pending.wait(until: .at(0)) }
        host.complete(host.waitForCommand("CreateDevice"), MessageBuilder<HandleReply>(host.makeHandle()).bytes)
        #expect(try pending.wait().count == 8)
    }

    @Test func echoedRepliesCarryTheResults() throws {
        let (_, process) = try start([
            "CreateContextVirtual": { host, command in
                let view = try? MessageView<CreateContextVirtual.Request>(command.bytes.wireBytes)
                guard let view else { return nil }
                var reply = MessageBuilder<CreateContextVirtual.Reply>(
                    copying: view, byteCount: Int(view.requiredReplyLength(under: .v40)))
                reply.context = D3DKMTHandle(index: 9, unique: 1)
                reply.write([7, 8, 9], at: 52)
                return reply.bytes
            }
        ])
        let made = try process.createContextVirtual(
            device: D3DKMTHandle(index: 1, unique: 1), privateDriverData: [1, 2, 3])
        #expect(made.context == D3DKMTHandle(index: 9, unique: 1) && made.privateDriverData == [7, 8, 9])
    }

    @Test func waitsEndWithTheHostsSignal() throws {
        let (host, process) = try start([
            "WaitForSyncObjectFromCpu": { host, command in
                // The signal may come before the reply (docs/protocol/semantics.md 1.7).
                let view = try? MessageView<WaitForSyncObjectFromCpu.Request>(command.bytes.wireBytes)
                if let view { host.signal(event: view.guestEventPointer) }
                return MessageBuilder<StatusReply>(NTStatus.success).bytes
            }
        ])
        let fence = D3DKMTHandle(index: 4, unique: 1)
        try process.waitForSynchronizationObjectFromCpu(device: .none, objects: [fence], values: [5])
        let request = try MessageView<WaitForSyncObjectFromCpu.Request>(
            host.waitForCommand("WaitForSyncObjectFromCpu").bytes.wireBytes)
        let (objects, values, event) = (request.objects.array(), request.fenceValues.array(), request.guestEventPointer)
        #expect(objects == [fence] && values == [5] && event == 2)
        // The event is gone with its first signal.
        host.signal(event: 2)
        let marker = process.machine.makeEvent()
        host.signal(event: marker.id)
        try marker.wait()
        #expect(process.machine.oddities == ["signal of event 2, which does not exist"])
    }

    @Test func aRefusedWaitLeavesNoEvent() throws {
        let (host, process) = try start([
            "WaitForSyncObjectFromCpu": { _, _ in MessageBuilder<StatusReply>(NTStatus.accessDenied).bytes }
        ])
        #expect(throws: GuestError.status(.accessDenied, command: "WaitForSyncObjectFromCpu")) {
            try process.waitForSynchronizationObjectFromCpu(device: .none, objects: [.none], values: [1])
        }
        host.signal(event: 2)
        let marker = process.machine.makeEvent(isOneShot: false)
        host.signal(event: marker.id)
        host.signal(event: marker.id)
        try marker.wait()
        try marker.wait()
        #expect(process.machine.oddities.count == 1 && marker.pendingSignals == 0)
    }

    @Test func changedDeviceStatesAreCounted() throws {
        let (host, process) = try start()
        _ = try process.createDevice()
        let request = try MessageView<CreateDevice.Request>(host.waitForCommand("CreateDevice").bytes.wireBytes)
        var message = MessageBuilder<SetGuestData.Message>()
        message.guestPointer = request.errorCode
        message.data32 = 1
        host.sendHostMessage(message)
        let marker = process.machine.makeEvent()
        host.signal(event: marker.id)
        try marker.wait()
        #expect(process.machine.deviceStateChanges == 1)
    }

    @Test func rawBytesReachTheHostUnchanged() throws {
        let (host, process) = try start()
        let machine = process.machine
        let command = [UInt8](repeating: 0xEE, count: 32)
        _ = try machine.beginCommand(command, named: "nonsense", relid: machine.globalRelid, vgpuLUID: .zero)
        let came = host.waitForCommand("\(0xEEEE_EEEE as UInt32)")
        #expect(came.bytes == command)
        #expect(throws: GuestError.self) {
            _ = try machine.beginPacketData(
                [UInt8](repeating: 0, count: 600_000), named: "long", relid: machine.globalRelid)
        }
    }
}
