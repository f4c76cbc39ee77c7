import Glibc
import Linux

/// The bare libuv echo server, as a child process.
final class EchoServer {
    private let process: ServingProcess
    /// The child's standard input, with which it ends.
    private let input: SocketPair

    /// Starts it and waits until it accepts. It answers every `requestBytes` with `replyBytes`.
    init(requestBytes: Int, replyBytes: Int) throws {
        input = try SocketPair(.stream, nonBlocking: false)
        let standardInput = input.second.rawValue
        process = try ServingProcess("understudy-bench-echo") { path in
            [path, "\(requestBytes)", "\(replyBytes)"]
        } descriptors: { ready in
            [standardInput, ready, STDERR_FILENO]
        }
    }

    var endpoint: Endpoint { process.endpoint }

    /// From before the start until it accepted.
    var startNanoseconds: UInt64 { process.startNanoseconds }

    /// Ends the server and waits until it has ended. Later calls do nothing.
    func stop() throws { try process.end { _ in _ = shutdown(input.first.rawValue, Int32(SHUT_RDWR)) } }
}
