/// A value of fixed width as it stands in a message: little endian, at any alignment.
public protocol WireValue: BitwiseCopyable, Sendable {
    /// The integer that carries the value.
    associatedtype Raw: FixedWidthInteger & BitwiseCopyable & Sendable

    /// Makes the value from what stands in the message; every bit pattern is legal.
    init(wire: Raw)

    /// What stands in the message.
    var wire: Raw { get }
}

extension WireValue where Self: FixedWidthInteger {
    @inlinable public init(wire: Self) { self = wire }
    @inlinable public var wire: Self { self }
}

extension UInt8: WireValue {}
extension UInt16: WireValue {}
extension UInt32: WireValue {}
extension UInt64: WireValue {}
extension Int32: WireValue {}
