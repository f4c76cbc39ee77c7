import Carriers
import DXGProtocol
import Glibc
import Guest
import Linux
import Testing
import VMBus

/// A server as a process: how it starts, listens and ends.
@Suite struct LifecycleTests {
    /// After SIGTERM nobody new comes in, running work ends in order, and so does the server.
    @Test func draining() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine)
            let gate = try GateKernel(on: device)
            let scratch = try device.makeBuffer(bytes: 4096)
            var buffer = CommandBuffer()
            gate.append(to: &buffer)
            buffer.write(55 as UInt64, to: scratch.address)
            let value = try device.start(buffer)
            #expect(try Wait.until { try gate.isRunning })
            let event = try device.process.beginWaitFromCpu(
                device: device.device, objects: [device.fence], values: [value])
            try server.process.signal(SIGTERM)
            #expect(
                Wait.until {
                    (try? Socket.connect(to: server.endpoint)) == nil
                })
            #expect(!server.process.hasEnded)
            try gate.open()
            try event.wait(until: .bound)
            #expect(try scratch.memory.loadUInt64(at: 0) == 55)
            #expect(try server.process.wait() == .exited(0))
            #expect(throws: GuestError.refused(code: 5, reason: "the server is shutting down")) {
                try device.process.createDevice()
            }
        }
    }

    /// Work that does not end keeps the server for a while at most, and not at all after a second signal.
    @Test(arguments: [1, 2]) func endingInSpiteOfWork(signals: Int) throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine, disablesTimeout: true)
            let gate = try GateKernel(on: device)
            var buffer = CommandBuffer()
            gate.append(to: &buffer)
            try device.start(buffer)
            #expect(try Wait.until { try gate.isRunning })
            let workers = server.workers
            #expect(workers.count == 1)
            for _ in 0..<signals {
                try server.process.signal(SIGTERM)
                // Two signals at once would be one.
                #expect(Wait.until { (try? Socket.connect(to: server.endpoint)) == nil })
            }
            #expect(try server.process.wait() == .exited(0))
            for worker in workers { #expect(!TestServer.isWorker(worker)) }
        }
    }

    @Test func interrupt() throws {
        try TestServer.run { server in
            try server.process.signal(SIGINT)
            #expect(try server.process.wait() == .exited(0))
        }
    }

    @Test func secondServerOnTheSamePath() throws {
        try TestServer.run { server in
            let second = try ProgramRun(Package.server, ["serve", "--listen", "unix:\(server.socketPath)"])
            #expect(second.status == .exited(71))
            let lines = second.errors.split(separator: "\n")
            #expect(lines.count == 1)
            #expect(second.errors.contains(server.socketPath))
            #expect(second.errors.contains("in use"))
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }

    @Test func staleSocket() throws {
        let directory = try TemporaryDirectory(prefix: "understudy-stale")
        defer { directory.remove() }
        let path = directory.path + "/gpu.sock"
        // A killed server leaves its file.
        do {
            let ready = try SocketPair(.stream, nonBlocking: false)
            let killed = try TestProcess(
                Package.server, ["serve", "--listen", "unix:\(path)", "--ready-fd", "3"],
                descriptors: [-1, -1, -1, ready.second.rawValue])
            #expect(Wait.forReading(ready.first.rawValue))
            try killed.signal(SIGKILL)
            #expect(try killed.wait() == .signalled(SIGKILL))
            #expect(Proc.exists(path))
        }
        try TestServer.run([], endpoints: { _ in ["unix:\(path)"] }) { _ in
            let isHealthy = try GuestMachine.checkHealth(of: .unix(path: path))
            #expect(isHealthy)
        }
        #expect(!Proc.exists(path))
    }

    /// A file that is no socket is left alone.
    @Test func fileInTheWay() throws {
        let directory = try TemporaryDirectory(prefix: "understudy-file")
        defer { directory.remove() }
        let path = directory.path + "/gpu.sock"
        let file = FileDescriptor(owning: unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
        _ = consume file
        defer { _ = unsafe unlink(path) }
        let run = try ProgramRun(Package.server, ["serve", "--listen", "unix:\(path)"])
        #expect(run.status == .exited(71))
        #expect(run.errors.contains(path))
        #expect(Proc.exists(path))
    }

    @Test func guestWhoseIDIsConnected() throws {
        try TestServer.run { server in
            var options = GuestMachineOptions()
            options.guestID = GUID(1, 2, 3, 4)
            let machine = try GuestMachine.connect(to: server.endpoint, options: options)
            #expect(machine.welcome.guestID == GUID(1, 2, 3, 4))
            #expect(Self.refusal(of: server, options) == 7)
            machine.close()
            #expect(Wait.until { Self.refusal(of: server, options) == nil })
        }
    }

    /// The code with which a guest is refused, if it is.
    private static func refusal(of server: TestServer, _ options: GuestMachineOptions) -> UInt32? {
        do throws(GuestError) {
            _ = try GuestMachine.connect(to: server.endpoint, options: options)
            return nil
        } catch {
            if case .refused(let code, _) = error { return code }
            Issue.record(error)
            return .max
        }
    }
}
