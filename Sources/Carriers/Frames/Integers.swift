/// Little-endian integers in bytes. Callers have checked that the bytes are there; the checks here only keep a mistake
/// of theirs from reading elsewhere.
extension RawSpan {
    @inline(__always)
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as: Value.Type = Value.self) -> Value {
        precondition(offset >= 0 && offset <= byteCount && byteCount - offset >= MemoryLayout<Value>.size)
        // SAFETY: in bounds by the line above; every bit pattern is an integer.
        return Value(littleEndian: unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: Value.self))
    }

    /// A copy.
    func array() -> [UInt8] {
        // SAFETY: the pointer is used during the call only.
        unsafe withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension MutableRawSpan {
    @inline(__always)
    mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: Value.self)
    }
}

extension Array<UInt8> {
    mutating func append(_ span: RawSpan) {
        // SAFETY: the pointer is used during the call only.
        unsafe span.withUnsafeBytes { unsafe append(contentsOf: $0) }
    }
}
