internal import Glibc

/// A directory of one's own under `/tmp` (or `$TMPDIR`), readable by nobody else.
public struct TemporaryDirectory: Sendable {
    /// Without a slash at the end.
    public let path: String

    /// Makes a directory whose name begins with `prefix`.
    public init(prefix: String) throws(SystemError) {
        let base = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/\(prefix)-XXXXXX".utf8CString)
        // SAFETY: mkdtemp changes the template in place and keeps its length.
        let isMade = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe mkdtemp($0) != nil } ?? false
        }
        guard isMade else { throw SystemError(code: errno, operation: "make a directory under \(base)") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the directory, which must be empty.
    public func remove() { _ = unsafe rmdir(path) }
}
