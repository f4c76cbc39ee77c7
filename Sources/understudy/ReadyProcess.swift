import EventLoop
import Glibc
import Linux

/// A child process that writes a line when it is ready.
final class ReadyProcess {
    private let loop: EventLoop
    private var child: ChildProcess?
    private(set) var status: ExitStatus?
    /// From before the start to the line.
    private(set) var startNanoseconds: UInt64 = 0

    /// Starts a program and waits for its line. `descriptors` gives the child's descriptors from 0 on, with the one
    /// that the line is to be written to among them; its standard error is this process's.
    init(executable: String, arguments: [String], descriptors: (_ ready: Int32) -> [Int32]) throws {
        loop = try EventLoop()
        let ready = try SocketPair(.stream, nonBlocking: false)
        var isReady = false
        let poll = try Poll(loop, descriptor: ready.first.rawValue) { _ in isReady = true }
        poll.update(.readable)
        defer { poll.close() }
        let start = MonotonicClock.now
        child = try ChildProcess(
            loop, executable: executable, arguments: arguments, environment: nil,
            descriptors: descriptors(ready.second.rawValue)
        ) { [weak self] in self?.status = $0 }
        while !isReady && status == nil { loop.runTurn(waiting: true) }
        startNanoseconds = MonotonicClock.now - start
        if let status { throw ChildError(program: executable, status: status) }
    }

    var processID: Int32 { child?.processID ?? 0 }

    var hasEnded: Bool { status != nil }

    func signal(_ number: Int32) throws { try child?.signal(number) }

    /// Waits for the end, which must be in order.
    func wait() throws {
        while status == nil { loop.runTurn(waiting: true) }
        child = nil
        guard let status, status == .exited(0) else {
            throw ChildError(program: "a child", status: status ?? .exited(0))
        }
    }
}

/// A child process that ended otherwise than it should.
struct ChildError: Error, CustomStringConvertible {
    let program: String
    let status: ExitStatus

    var description: String { "\(program) \(status)" }
}
