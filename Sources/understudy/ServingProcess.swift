import EventLoop
import Linux

/// A child process that serves a unix socket in a directory that nobody else can enter, and writes a line when it
/// accepts.
final class ServingProcess {
    let endpoint: Endpoint
    /// From before the start to the line.
    private(set) var startNanoseconds: UInt64 = 0

    private let program: String
    private let loop: EventLoop
    private let directory: TemporaryDirectory
    private var child: ChildProcess?
    private var status: ExitStatus?

    /// Starts a program of this project and waits for its line. `descriptors` gives the child's descriptors from 0 on,
    /// with the one that the line is to be written to among them.
    init(
        _ program: String, arguments: (_ socketPath: String) -> [String], descriptors: (_ ready: Int32) -> [Int32]
    ) throws {
        self.program = program
        loop = try EventLoop()
        directory = try TemporaryDirectory(prefix: program)
        let path = directory.path + "/server.sock"
        endpoint = .unix(path: path)
        do {
            try start(arguments(path), descriptors)
        } catch {
            directory.remove()
            throw error
        }
    }

    private func start(_ arguments: [String], _ descriptors: (_ ready: Int32) -> [Int32]) throws {
        let ready = try SocketPair(.stream, nonBlocking: false)
        var isReady = false
        let poll = try Poll(loop, descriptor: ready.first.rawValue) { _ in isReady = true }
        poll.update(.readable)
        defer { poll.close() }
        let start = MonotonicClock.now
        child = try ChildProcess(
            loop, executable: Programs.beside(program), arguments: arguments,
            descriptors: descriptors(ready.second.rawValue)
        ) { [weak self] in self?.status = $0 }
        while !isReady && status == nil { loop.runTurn(waiting: true) }
        startNanoseconds = MonotonicClock.now - start
        if let status { throw ChildError(program: program, status: status) }
    }

    /// 0 once the process was collected.
    var processID: Int32 { child?.processID ?? 0 }

    /// Has the process end by `ask`, and waits for that, which must be in order. Later calls do nothing.
    func end(_ ask: (ChildProcess) throws -> Void) throws {
        guard let child else { return }
        try ask(child)
        while status == nil { loop.runTurn(waiting: true) }
        self.child = nil
        directory.remove()
        if let status, status != .exited(0) { throw ChildError(program: program, status: status) }
    }
}

/// A child process that ended otherwise than it should.
struct ChildError: Error, CustomStringConvertible {
    let program: String
    let status: ExitStatus

    var description: String { "\(program) \(status)" }
}
