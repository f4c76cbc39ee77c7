import Glibc
import Guest
import Linux
import Testing

/// `understudy serve` as a child process, on a socket in a directory of its own.
final class TestServer {
    let directory: TemporaryDirectory
    let socketPath: String
    let process: TestProcess
    private let log: SharedMemory

    var endpoint: Endpoint { .unix(path: socketPath) }
    var logText: String { (try? log.text()) ?? "" }

    /// The end of the log, or how it begins to tell of the server's death.
    var lastWords: String {
        let text = logText
        guard let death = text.firstRange(of: "Fatal error") else { return String(text.suffix(3000)) }
        return String(text[death.lowerBound...].prefix(4000))
    }

    var facts: ServerFacts { ServerFacts(of: process.processID) }
    var workers: [Int32] { ServerFacts.children(of: process.processID) }

    /// Starts a server and waits until it accepts.
    private init(
        _ arguments: [String], endpoints: (TemporaryDirectory) -> [String], configuration: String?, level: String
    ) throws {
        directory = try TemporaryDirectory(prefix: "understudy-test")
        socketPath = directory.path + "/gpu.sock"
        log = try SharedMemory(name: "log", bytes: 0, seals: [])
        let ready = try SocketPair(.stream, nonBlocking: false)
        var arguments = arguments
        if let configuration {
            let path = directory.path + "/gpu.yaml"
            let file = FileDescriptor(owning: unsafe open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600))
            try file.write(unsafe Array(configuration.utf8).span.bytes, at: 0)
            arguments += ["--config", path]
        }
        let listeners = (["unix:\(socketPath)"] + endpoints(directory)).flatMap { ["--listen", $0] }
        let descriptors = [-1, -1, log.descriptor.rawValue, ready.second.rawValue]
        process = try TestProcess(
            Package.server, ["serve"] + listeners + ["--ready-fd", "3", "--log-level", level] + arguments,
            descriptors: descriptors)
        _ = consume ready.second
        guard Wait.forReading(ready.first.rawValue), !process.hasEnded else {
            throw TestServerError(description: "the server did not start: \(logText)")
        }
    }

    /// Runs `body` with a server, which is then told to stop: it has to exit with status 0 and leave nothing.
    static func run(
        _ arguments: [String] = [], endpoints: (TemporaryDirectory) -> [String] = { _ in [] },
        configuration: String? = nil, level: String = "info", _ body: (TestServer) throws -> Void
    ) throws {
        let server = try TestServer(arguments, endpoints: endpoints, configuration: configuration, level: level)
        defer { server.cleanUp() }
        do {
            try body(server)
        } catch {
            Issue.record("\(error); the server's log:\n\(server.lastWords)")
            return
        }
        try server.stop()
    }

    /// What the server holds when it has served a guest and has none: what others are compared with.
    func idleFacts() throws -> ServerFacts {
        // The last of a guest to go are its sockets; of those that were there before, each has another number.
        let sockets = ServerFacts.sockets(of: process.processID)
        #expect(try GuestMachine.checkHealth(of: endpoint))
        #expect(
            Wait.until {
                facts.children == 0 && facts.memoryFiles == 1
                    && ServerFacts.sockets(of: process.processID).isSubset(of: sockets)
            })
        return facts
    }

    /// Waits until the server holds what it held at `earlier` again.
    func expectSettled(to earlier: ServerFacts, _ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
        let isSettled = Wait.until { facts == earlier }
        #expect(
            isSettled, "after \(what): \(facts); before: \(earlier); log: \(lastWords)",
            sourceLocation: sourceLocation)
    }

    /// Ends the server as a service manager does, unless it has ended already.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let workers = self.workers
        try process.signal(SIGTERM)
        let status = try process.wait()
        #expect(status == .exited(0), "log: \(lastWords)", sourceLocation: sourceLocation)
        #expect(!Proc.exists(socketPath), "the socket file is still there", sourceLocation: sourceLocation)
        for worker in workers {
            #expect(!Self.isWorker(worker), "worker \(worker) is still there", sourceLocation: sourceLocation)
        }
    }

    /// Whether a process with this id exists and is a worker: the number may be another's by now.
    static func isWorker(_ process: Int32) -> Bool {
        Proc.text("/proc/\(process)/comm")?.hasPrefix("understudy-work") ?? false
    }

    private func cleanUp() {
        try? process.signal(SIGKILL)
        _ = try? process.wait()
        for name in Proc.entries(directory.path) { _ = unsafe unlink(directory.path + "/" + name) }
        directory.remove()
    }
}

struct TestServerError: Error, CustomStringConvertible {
    let description: String
}
