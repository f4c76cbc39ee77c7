/// Reads fields from a message whose length has been checked against the type's minimum.
struct FieldDecoder: FieldCoder, ~Escapable {
    private let bytes: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    mutating func field<Value: FixedWidthInteger & BitwiseCopyable>(_ value: inout Value, at offset: Int) {
        value = bytes.integer(at: offset)
    }

    mutating func field(_ value: inout GUID, at offset: Int) {
        value = GUID(bytes, at: offset)
    }

    mutating func trailingField(_ value: inout GUID?, at offset: Int) {
        value = bytes.byteCount >= offset + GUID.size ? GUID(bytes, at: offset) : nil
    }

    mutating func field(_ value: inout [UInt8], at offset: Int, count: Int) {
        value = (offset..<offset + count).map { bytes.integer(at: $0) }
    }

    mutating func trailingWords(_ value: inout [UInt64], at offset: Int) {
        let count = max(0, bytes.byteCount - offset) / 8
        value = (0..<count).map { bytes.integer(at: offset + 8 * $0) }
    }
}
