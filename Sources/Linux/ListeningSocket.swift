internal import Glibc

/// A socket that waits for connections, and the socket file it made.
///
/// A file that a dead server left behind is replaced. One that somebody listens on is an error. The file goes with the
/// object, if it is still the one that was made.
public final class ListeningSocket {
    /// The socket: non-blocking, close-on-exec, readable while a connection waits.
    public let descriptor: FileDescriptor
    /// Where it listens.
    public let endpoint: Endpoint
    private let file: FileStatus?

    /// Listens. The permissions are those of the socket file: by default the owner alone may connect.
    public init(
        _ endpoint: Endpoint, permissions: UInt32 = 0o600, backlog: Int32 = 128
    ) throws(SystemError) {
        self.endpoint = endpoint
        if case .hybridDial = endpoint {
            throw SystemError(code: EINVAL, operation: "listen on \(endpoint): that form is for connecting")
        }
        guard let path = endpoint.socketPath else {
            descriptor = try Socket.listen(on: endpoint, permissions: permissions, backlog: backlog)
            file = nil
            return
        }
        let lock = try Self.lockDirectory(of: path)
        do {
            descriptor = try Socket.listen(on: endpoint, permissions: permissions, backlog: backlog)
        } catch {
            guard error.code == EADDRINUSE else { throw error }
            try Self.removeStaleFile(path, endpoint)
            descriptor = try Socket.listen(on: endpoint, permissions: permissions, backlog: backlog)
        }
        file = try FileStatus(ofFile: path)
        _ = consume lock
    }

    deinit {
        guard let path = endpoint.socketPath, let file else { return }
        let current = try? FileStatus(ofFile: path)
        // SAFETY: the path is only read during the call, here and below.
        if let current, current.inode == file.inode, current.device == file.device { unsafe unlink(path) }
    }

    /// The next waiting connection, or nothing.
    public func accept() throws(SystemError) -> AcceptedConnection? {
        try Socket.accept(descriptor.rawValue)
    }

    /// Two servers that start at once must not both find the same file stale, and one must not take the other's file
    /// for stale between its bind and its listen: they take turns in the directory.
    private static func lockDirectory(of path: String) throws(SystemError) -> FileDescriptor {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let lock = FileDescriptor(
            owning: try systemCall("open the directory \(directory)") {
                unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            })
        let number = lock.rawValue
        var attempts = 0
        while flock(number, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            attempts += 1
            guard code == EINTR || code == EWOULDBLOCK, attempts < 100 else {
                throw SystemError(code: code, operation: "lock the directory \(directory)")
            }
            usleep(10_000)
        }
        return lock
    }

    private static func removeStaleFile(_ path: String, _ endpoint: Endpoint) throws(SystemError) {
        let status = try FileStatus(ofFile: path)
        guard status.isSocket else {
            throw SystemError(code: EEXIST, operation: "listen on \(endpoint): \(path) is not a socket")
        }
        do {
            _ = try Socket.startConnecting(to: .unix(path: path))
        } catch {
            guard error.code == ECONNREFUSED else {
                throw error.code == EAGAIN ? inUse(endpoint) : error
            }
            _ = try systemCall("remove the stale socket \(path)") { unsafe unlink(path) }
            return
        }
        throw inUse(endpoint)
    }

    private static func inUse(_ endpoint: Endpoint) -> SystemError {
        SystemError(code: EADDRINUSE, operation: "listen on \(endpoint): another process listens there")
    }
}
