/// A locally unique id, 8 bytes in messages: the low part, then the signed high part.
public struct LUID: Hashable, Sendable {
    /// Bits 0 to 31.
    public let low: UInt32

    /// Bits 32 to 63.
    public let high: Int32

    /// Puts the two parts together.
    @inlinable
    public init(low: UInt32, high: Int32) {
        self.low = low
        self.high = high
    }

    /// The id that stands for none: global commands carry it where a vGPU's is expected.
    public static let zero = LUID(low: 0, high: 0)
}

extension LUID: WireValue {
    @inlinable
    public init(wire: UInt64) {
        self.init(low: UInt32(truncatingIfNeeded: wire), high: Int32(truncatingIfNeeded: wire >> 32))
    }

    @inlinable public var wire: UInt64 { UInt64(low) | UInt64(UInt32(bitPattern: high)) << 32 }
}

extension LUID: CustomStringConvertible {
    /// High and low part in hexadecimal.
    public var description: String { String(UInt32(bitPattern: high), radix: 16) + "-" + String(low, radix: 16) }
}
