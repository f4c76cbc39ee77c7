internal import Glibc

/// Small files of text, such as those of /proc.
public enum TextFile {
    /// The whole text.
    public static func read(_ path: String) throws(SystemError) -> String {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { throw SystemError(code: errno, operation: "open \(path)") }
        let file = FileDescriptor(owning: number)
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            // SAFETY: the kernel writes at most the buffer's length.
            let count = unsafe piece.withUnsafeMutableBytes {
                unsafe Glibc.read(file.rawValue, $0.baseAddress, $0.count)
            }
            guard count >= 0 else { throw SystemError(code: errno, operation: "read \(path)") }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}
