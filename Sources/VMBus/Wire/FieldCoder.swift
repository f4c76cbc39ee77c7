/// Visits the fields of a control message, reading or writing each: so that one description of a layout serves both
/// ways.
///
/// Offsets count from the start of the message, as in `docs/protocol/vmbus.md 1.3`.
protocol FieldCoder: ~Escapable {
    /// A little-endian integer.
    mutating func field<Value: FixedWidthInteger & BitwiseCopyable>(_ value: inout Value, at offset: Int)
    /// A GUID, 16 bytes.
    mutating func field(_ value: inout GUID, at offset: Int)
    /// A GUID at the end that older versions of the message do not have.
    mutating func trailingField(_ value: inout GUID?, at offset: Int)
    /// Bytes of a fixed number.
    mutating func field(_ value: inout [UInt8], at offset: Int, count: Int)
    /// 64-bit words from `offset` to the end of the message.
    mutating func trailingWords(_ value: inout [UInt64], at offset: Int)
}
