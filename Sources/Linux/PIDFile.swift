internal import Glibc

/// A file with this process's number and a line end, for those who signal it.
public struct PIDFile: Sendable {
    private let path: String

    /// Writes the file, in place of one that a server before this one left.
    public init(path: String) throws(SystemError) {
        self.path = path
        // SAFETY: the path is only read during the call, here and below.
        let number = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard number >= 0 else { throw SystemError(code: errno, operation: "write the pid file \(path)") }
        let file = FileDescriptor(owning: number)
        try file.write(Array("\(getpid())\n".utf8), at: 0)
    }

    /// Removes the file.
    public func remove() { _ = unsafe unlink(path) }
}
