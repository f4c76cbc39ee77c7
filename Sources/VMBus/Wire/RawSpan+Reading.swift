extension RawSpan {
    /// Loads a little-endian integer from any alignment.
    ///
    /// Callers check a message's length once and then read at constant offsets; the precondition is for their bugs.
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Value.Type = Value.self) -> Value
    {
        precondition(offset >= 0 && offset <= byteCount - MemoryLayout<Value>.size)
        // SAFETY: the bytes offset..<offset+size lie inside the span by the precondition above, and every bit pattern
        // is a valid fixed-width integer.
        return Value(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self))
    }

    /// Appends all bytes of the span to an array in one copy.
    func append(to bytes: inout [UInt8]) {
        // SAFETY: the buffer is only read inside the closure, which the span's bytes outlive.
        unsafe withUnsafeBytes { buffer in
            unsafe bytes.append(contentsOf: buffer)
        }
    }
}
