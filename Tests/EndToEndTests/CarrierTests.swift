import Carriers
import Glibc
import Guest
import Linux
import Testing

/// Guests behind a virtual machine monitor.
@Suite struct CarrierTests {
    @Test func hybridStartedByTheGuest() throws {
        try TestServer.run(endpoints: { ["hybrid:\($0.path)/monitor:52"] }) { server in
            let path = server.directory.path + "/monitor"
            #expect(Proc.exists(path + "_52"))
            // Descriptors do not get through a monitor, so nothing is shared although the guest asks for it.
            let machine = try GuestMachine.connect(to: .hybrid(path: path, port: 52))
            #expect(machine.welcome.grantedFeatures == [])
            try compute(machine)
        }
    }

    /// The server connects to the monitor's socket and asks for a port of the guest.
    @Test func hybridStartedByTheHost() throws {
        let directory = try TemporaryDirectory(prefix: "understudy-monitor")
        defer { directory.remove() }
        let path = directory.path + "/monitor"
        let monitor = try ListeningSocket(.unix(path: path))
        try TestServer.run(endpoints: { _ in ["hybrid-dial:\(path):52"] }) { server in
            for round in 1...2 {
                let connection = try accept(monitor)
                let machine = try GuestMachine.connect(over: connection)
                #expect(machine.welcome.grantedFeatures == [])
                try compute(machine)
                // A guest that was switched off may come back: the server asks again.
                machine.close()
                _ = round
            }
        }
        _ = consume monitor
    }

    /// The monitor starts after the server.
    @Test func monitorThatComesLater() throws {
        let directory = try TemporaryDirectory(prefix: "understudy-monitor")
        defer { directory.remove() }
        let path = directory.path + "/monitor"
        try TestServer.run(endpoints: { _ in ["hybrid-dial:\(path):52"] }) { server in
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
            let monitor = try ListeningSocket(.unix(path: path))
            try compute(try GuestMachine.connect(over: accept(monitor)))
        }
    }

    /// Over real vsock to this machine itself, where the kernel can do that.
    @Test(.enabled(if: Vsock.hasLoopback, "this kernel has no vsock loopback (CONFIG_VSOCKETS_LOOPBACK)"))
    func vsock() throws {
        let port = 0x5344_0000 | UInt32(getpid() & 0xFFFF)
        try TestServer.run(endpoints: { _ in ["vsock:any:\(port)"] }) { _ in
            let machine = try GuestMachine.connect(to: .vsock(cid: 1, port: port))
            #expect(machine.welcome.grantedFeatures == [])
            try compute(machine)
        }
    }

    private func compute(_ machine: GuestMachine) throws {
        let device = try TestDevice(machine)
        let problem = try SaxpyProblem(on: device)
        try device.run { problem.append(to: &$0) }
        #expect(try problem.isRight())
        #expect(machine.oddities == [])
    }

    /// Takes the server's connection as a monitor does, and gives it to the guest behind it.
    private func accept(_ monitor: ListeningSocket) throws -> FrameConnection {
        #expect(Wait.forReading(monitor.descriptor.rawValue))
        guard let accepted = try monitor.accept() else { throw TestServerError(description: "nobody connected") }
        try accepted.socket.setNonBlocking(false)
        let connection = FrameConnection(adopting: try accepted.socket.duplicate())
        var line = [UInt8](repeating: 0, count: 11)
        let count = unsafe recv(connection.socket.rawValue, &line, line.count, Int32(MSG_WAITALL))
        #expect(count == line.count && String(decoding: line, as: UTF8.self) == "CONNECT 52\n")
        try connection.send(Array("OK 1073741824\n".utf8))
        return connection
    }
}

enum Vsock {
    /// Whether a connection to this machine's own context id comes about at once.
    static let hasLoopback: Bool = {
        let port = 0x5345_0000 | UInt32(getpid() & 0xFFFF)
        guard let listener = try? ListeningSocket(.vsock(cid: 1, port: port)),
            let socket = try? Socket.startConnecting(to: .vsock(cid: 1, port: port))
        else { return false }
        var entry = pollfd(fd: socket.rawValue, events: Int16(POLLOUT), revents: 0)
        // SAFETY: poll reads and writes the one local entry.
        let isReady = unsafe poll(&entry, 1, 200) == 1
        return withExtendedLifetime(listener) { isReady && Socket.connectionError(socket.rawValue) == 0 }
    }()
}
