import Carriers
import DXGProtocol
import Guest
import Linux
import Testing
import VMBus

/// Processes and guests that end in the middle of their work leave nothing behind.
@Suite struct DisappearanceTests {
    @Test func processDestroyedWithJobsRunning() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let before = server.facts
            for round in 0..<3 as Range<UInt64> {
                let device = try TestDevice(machine, id: round + 1, disablesTimeout: true)
                let gate = try GateKernel(on: device)
                var buffer = CommandBuffer()
                gate.append(to: &buffer)
                try device.start(buffer)
                try device.start(buffer)
                #expect(try Wait.until { try gate.isRunning })
                try device.process.destroy()
            }
            server.expectSettled(to: before, "destroying processes with running jobs")
            let device = try TestDevice(machine, id: 9)
            let problem = try SaxpyProblem(on: device)
            try device.run { problem.append(to: &$0) }
            #expect(try problem.isRight())
        }
    }

    /// The machine is switched off: its connection just ends.
    @Test(arguments: [true, false]) func guestGoneWithJobsRunning(isShared: Bool) throws {
        try TestServer.run { server in
            let before = try server.idleFacts()
            for _ in 0..<3 {
                let machine = try GuestMachine.connect(
                    to: server.endpoint, options: isShared ? GuestMachineOptions() : .unshared)
                let busy = try TestDevice(machine, id: 1, .hardwareQueue, disablesTimeout: true)
                let waiting = try TestDevice(machine, id: 2)
                let gate = try GateKernel(on: busy)
                var buffer = CommandBuffer()
                gate.append(to: &buffer)
                try busy.start(buffer)
                try waiting.process.waitForSynchronizationObjectFromGpu(
                    context: waiting.context, objects: [waiting.fence], values: [100])
                try waiting.start(buffer)
                #expect(try Wait.until { try gate.isRunning })
                machine.close()
            }
            server.expectSettled(to: before, "guests that went away")
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }

    /// A guest that does not share memory goes while the host waits for its pages.
    @Test func guestGoneWhileItsMemoryIsFetched() throws {
        try TestServer.run { server in
            let before = try server.idleFacts()
            for _ in 0..<3 {
                let machine = try GuestMachine.connect(to: server.endpoint, options: .unshared)
                let device = try TestDevice(machine)
                let start = try machine.memory.allocate(pages: 4096)
                let existing = try device.makeExistingMemory(pages: (0..<4096).map { start / 4096 + $0 })
                var buffer = CommandBuffer()
                buffer.fill(existing.address, bytes: 4096 * 4096, pattern: 1)
                try device.start(buffer)
                machine.close()
            }
            server.expectSettled(to: before, "guests that went away")
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }

    /// INITIATE_CONTACT once more, as a kernel that kexec has started sends it: everything begins anew.
    @Test func contactOnceMore() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let idle = server.facts
            let device = try TestDevice(machine, disablesTimeout: true)
            let gate = try GateKernel(on: device)
            var buffer = CommandBuffer()
            gate.append(to: &buffer)
            try device.start(buffer)
            #expect(try Wait.until { try gate.isRunning })

            try machine.send(.initiateContact(InitiateContact(version: .v5_3)))
            let response = try machine.waitForMessage("VERSION_RESPONSE") { message -> VersionResponse? in
                if case .versionResponse(let response) = message { return response }
                return nil
            }
            #expect(response.isSupported)
            server.expectSettled(to: idle, "a second contact")

            // Nothing of the first connection is left: the channels have to be offered and opened again.
            try machine.send(.requestOffers)
            var relid: UInt32?
            var isDone = false
            while !isDone {
                try machine.waitForMessage("offers") { message -> Void? in
                    switch message {
                    case .offerChannel(let offer):
                        if offer.offer.key.interfaceType == .dxgGlobalChannel { relid = offer.relid }
                        return ()
                    case .allOffersDelivered:
                        isDone = true
                        return ()
                    default: return nil
                    }
                }
            }
            let global = try #require(relid)
            try machine.send(.openChannel(OpenChannel(relid: global, openID: 1)))
            try machine.waitForMessage("OPENCHANNEL_RESULT") { message -> Void? in
                if case .openChannelResult(let result) = message, result.status == .success { return () }
                return nil
            }
            // The interface version is negotiated anew, too: without that it is 27.
            var create = MessageBuilder<CreateProcess.Request>()
            create.processId = 1
            create.setHeader(process: .none)
            let reply = try machine.beginPacketData(create.encoded(), named: "CreateProcess", relid: global)
                .wait(until: .bound)
            let view = try MessageView<CreateProcess.Reply>(reply.wireBytes)
            #expect(view.hprocess != .none)
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }

    /// A packet that makes no sense costs the guest its channel, and nothing else.
    @Test func channelTakenAwayForABrokenPacket() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine)
            let relid = device.process.adapter.relid
            // The descriptor says that the data starts behind the packet's end.
            try machine.sendRawPacket([6, 0, 0xFF, 0, 3, 0, 1, 0] + [UInt8](repeating: 0, count: 16), relid: relid)
            try machine.waitForMessage("RESCIND_CHANNELOFFER") { message -> Void? in
                message == .rescindChannelOffer(relid: relid) ? () : nil
            }
            // The global channel goes on.
            #expect(throws: Never.self) { try GuestProcess(machine, id: 3) }
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }
}
