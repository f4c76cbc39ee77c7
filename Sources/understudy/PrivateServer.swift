import Glibc
import Linux

/// A server of one's own: a child process on a socket in a directory that nobody else can enter.
final class PrivateServer {
    let endpoint: Endpoint
    private let directory: TemporaryDirectory
    private let child: ReadyProcess

    /// Starts `understudy serve` and waits until it accepts.
    init(arguments: [String] = []) throws {
        directory = try TemporaryDirectory(prefix: "understudy")
        let path = directory.path + "/gpu.sock"
        endpoint = .unix(path: path)
        child = try ReadyProcess(
            executable: Programs.beside("understudy"),
            arguments: ["serve", "--listen", "unix:\(path)", "--ready-fd", "3", "--log-level", "warning"] + arguments
        ) { ready in [-1, -1, STDERR_FILENO, ready] }
    }

    var processID: Int32 { child.processID }

    var startNanoseconds: UInt64 { child.startNanoseconds }

    /// Asks the server to end, and waits until it has. Later calls do nothing.
    func stop() throws {
        guard !child.hasEnded else { return }
        try child.signal(SIGTERM)
        try child.wait()
        directory.remove()
    }
}
