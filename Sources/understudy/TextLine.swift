import Glibc

/// Lines for people and for whoever started this program.
enum TextLine {
    /// Writes a line, on standard error if nothing else is said. Nothing is done about a reader that is gone.
    static func write(_ line: String, to descriptor: Int32 = STDERR_FILENO) {
        var bytes = Array(line.utf8)
        bytes.append(UInt8(ascii: "\n"))
        // SAFETY: the kernel reads the buffer during the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}
