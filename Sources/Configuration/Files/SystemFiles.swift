internal import Glibc
public import Linux

/// The files of this machine.
public struct SystemFiles: ConfigurationFiles {
    public init() {}

    /// Only regular files are read: nothing that could keep a start waiting.
    public func read(_ path: String, maximum: Int) throws(SystemError) -> [UInt8] {
        // SAFETY: the path is only read during the call.
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard number >= 0 else { throw SystemError(code: errno, operation: "open \(path)") }
        let file = FileDescriptor(owning: number)
        let status = try file.status()
        guard status.isRegular else { throw SystemError(code: EINVAL, operation: "read \(path), which is no file") }
        return try file.read(at: 0, count: Int(min(status.size, UInt64(maximum))))
    }

    public func names(in folder: String) throws(SystemError) -> [String] {
        // SAFETY: the stream is closed here, and each name is copied before the next entry is read.
        guard let stream = unsafe opendir(folder) else { throw SystemError(code: errno, operation: "open \(folder)") }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }
}

extension SystemError {
    /// Whether there is no such file.
    var isMissingFile: Bool { code == ENOENT || code == ENOTDIR }
}
