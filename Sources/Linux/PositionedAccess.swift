internal import Glibc

/// Reading and writing a file at a place, all of it or an error.
///
/// The calls copy, so a file that another process shortens at the same moment gives an error instead of the SIGBUS that
/// a mapping would raise: the way to reach files that a guest owns.
extension FileDescriptor {
    /// Fills `destination` from the bytes at `offset`. A file that ends earlier is ENXIO.
    public borrowing func read(at offset: UInt64, into destination: inout MutableRawSpan) throws(SystemError) {
        let number = rawValue
        let count = destination.byteCount
        var operation: String { "read \(count) bytes at \(offset) of descriptor \(number)" }
        let start = try Self.checkedOffset(offset, count)
        var done = 0
        while done < count {
            // SAFETY: pread writes at most the rest of the buffer, which stays in place during the call.
            let step = unsafe try destination.withUnsafeMutableBytes { (bytes) throws(SystemError) in
                try systemCall(operation) {
                    unsafe pread(number, bytes.baseAddress! + done, count - done, start + off_t(done))
                }
            }
            if step == 0 { throw SystemError(code: ENXIO, operation: operation) }
            done += step
        }
    }

    /// The `count` bytes at `offset`. A file that ends earlier is ENXIO.
    public borrowing func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        var span = result.mutableSpan
        var bytes = unsafe span.mutableBytes
        try read(at: offset, into: &bytes)
        return result
    }

    /// Writes all of `source` at `offset`.
    public borrowing func write(_ source: RawSpan, at offset: UInt64) throws(SystemError) {
        let number = rawValue
        let count = source.byteCount
        var operation: String { "write \(count) bytes at \(offset) of descriptor \(number)" }
        let start = try Self.checkedOffset(offset, count)
        var done = 0
        while done < count {
            // SAFETY: pwrite reads at most the rest of the span, which stays in place during the call.
            let step = unsafe try source.withUnsafeBytes { (bytes) throws(SystemError) in
                try systemCall(operation) {
                    unsafe pwrite(number, bytes.baseAddress! + done, count - done, start + off_t(done))
                }
            }
            if step == 0 { throw SystemError(code: EIO, operation: operation) }
            done += step
        }
    }

    /// Writes all of `source` at `offset`.
    public borrowing func write(_ source: [UInt8], at offset: UInt64) throws(SystemError) {
        try write(unsafe source.span.bytes, at: offset)
    }

    private static func checkedOffset(_ offset: UInt64, _ count: Int) throws(SystemError) -> off_t {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(count))
        if overflow || end > UInt64(off_t.max) {
            throw SystemError(code: EOVERFLOW, operation: "reach \(count) bytes at \(offset) of a file")
        }
        return off_t(offset)
    }
}
