import Carriers
import Guest
import Linux
import Testing

/// Trouble made by guests, with a good guest beside it: its results stay right, the server lives, and everything that
/// the trouble took is given back.
struct Storm {
    let server: TestServer
    private let good: GoodGuest

    /// Memory of its own that the server may keep: caches, tables that have grown, the allocator's.
    private static let keptBytes: UInt64 = 48 << 20

    static func run(
        _ arguments: [String] = [], configuration: String? = nil,
        sourceLocation: SourceLocation = #_sourceLocation, _ body: (Storm) throws -> Void
    ) throws {
        let standard = ["--lanes", "1", "--io-space", "64", "--memory", "256"]
        try TestServer.run(standard + arguments, configuration: configuration, level: "warning") { server in
            let idle = try server.idleFacts()
            let good = try GoodGuest(server.endpoint)
            defer { good.stop() }
            let memory = ServerFacts.privateBytes(of: server.process.processID)
            let rounds = good.rounds
            try body(Storm(server: server, good: good))
            try #require(!server.process.hasEnded, "the server is dead: \(server.lastWords)")
            #expect(
                Wait.until { good.rounds > rounds + 1 || good.problem != nil }, "the good guest does not get on",
                sourceLocation: sourceLocation)
            #expect(good.problem == nil, "log: \(server.lastWords)", sourceLocation: sourceLocation)
            good.stop()
            server.expectSettled(to: idle, "the storm", sourceLocation: sourceLocation)
            let now = ServerFacts.privateBytes(of: server.process.processID)
            #expect(
                now < memory + keptBytes, "the server has grown from \(memory) to \(now) bytes",
                sourceLocation: sourceLocation)
            #expect(try GuestMachine.checkHealth(of: server.endpoint), sourceLocation: sourceLocation)
        }
    }

    /// Fails at once where the server has died, with the last of what it said.
    func checkAlive(_ what: @autoclosure () -> String) throws {
        if server.process.hasEnded {
            throw TestServerError(description: "the server died of \(what())")
        }
    }

    /// A connection on which nothing was sent.
    func connect() throws -> FrameConnection { try FrameConnection(to: server.endpoint) }

    /// A connection whose guest is admitted and shares nothing; the WELCOME has been read.
    func admittedConnection() throws -> (connection: FrameConnection, reader: FrameReader) {
        let connection = try connect()
        try connection.send(.hello(Hello(name: "storm")))
        let reader = FrameReader(connection)
        let welcome = try reader.next()
        guard welcome?.header.type == .welcome else {
            throw TestServerError(description: "no welcome, but \(String(describing: welcome))")
        }
        return (connection, reader)
    }
}

extension FrameConnection {
    /// Waits until the host has handled everything that was sent, or has ended the connection.
    func settle(_ reader: FrameReader) {
        do throws(GuestError) {
            try send(.ping([], tag: 0x5E77))
            while let frame = try reader.next() {
                if frame.header.type == .pong, frame.header.tag == 0x5E77 { return }
                if frame.header.type == .refused { return }
            }
        } catch {}
    }
}
