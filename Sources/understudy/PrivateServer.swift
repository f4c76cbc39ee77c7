import EventLoop
import Glibc
import Linux

/// A server of one's own, as a child process.
final class PrivateServer {
    private let process: ServingProcess

    /// Starts `understudy serve` and waits until it accepts.
    init() throws {
        process = try ServingProcess("understudy") { path in
            ["serve", "--listen", "unix:\(path)", "--ready-fd", "3", "--log-level", "warning"]
        } descriptors: { ready in
            [-1, -1, STDERR_FILENO, ready]
        }
    }

    var endpoint: Endpoint { process.endpoint }

    var processID: Int32 { process.processID }

    /// From before the start until it accepted.
    var startNanoseconds: UInt64 { process.startNanoseconds }

    /// Asks the server to end, and waits until it has. Later calls do nothing.
    func stop() throws { try process.end { try $0.signal(SIGTERM) } }
}
