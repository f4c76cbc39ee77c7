import EventLoop
import Glibc
import Linux

/// A server of the demo's own: a child process on a socket in a directory that nobody else can enter.
final class PrivateServer {
    let endpoint: Endpoint
    private let directory: TemporaryDirectory
    private let loop: EventLoop
    private var child: ChildProcess?
    private var status: ExitStatus?

    /// Starts `understudy serve` and waits until it accepts.
    init(arguments: [String] = []) throws {
        guard let program = ProcessControl.executablePath else { throw DemoError.noProgram }
        directory = try TemporaryDirectory(prefix: "understudy")
        loop = try EventLoop()
        let path = directory.path + "/gpu.sock"
        endpoint = .unix(path: path)
        let ready = try SocketPair(.stream, nonBlocking: false)
        var isReady = false
        let poll = try Poll(loop, descriptor: ready.first.rawValue) { _ in isReady = true }
        poll.update(.readable)
        defer { poll.close() }
        child = try ChildProcess(
            loop, executable: program,
            arguments: ["serve", "--listen", "unix:\(path)", "--ready-fd", "3", "--log-level", "warning"] + arguments,
            environment: nil, descriptors: [-1, -1, STDERR_FILENO, ready.second.rawValue]
        ) { [weak self] in self?.status = $0 }
        while !isReady && status == nil { loop.runTurn(waiting: true) }
        if let status { throw DemoError.serverEnded("\(status)") }
    }

    /// Asks the server to end, and waits until it has.
    func stop() throws {
        guard let child else { return }
        if status == nil { try child.signal(SIGTERM) }
        while status == nil { loop.runTurn(waiting: true) }
        self.child = nil
        directory.remove()
        guard status == .exited(0) else { throw DemoError.serverEnded(status.map { "\($0)" } ?? "") }
    }
}

/// Why a demo ended early.
enum DemoError: Error, CustomStringConvertible {
    case noProgram
    case serverEnded(String)
    case wrongResult(String)

    var description: String {
        switch self {
        case .noProgram: "cannot find this program's own file"
        case .serverEnded(let status): "the server \(status)"
        case .wrongResult(let text): "wrong result: \(text)"
        }
    }
}
