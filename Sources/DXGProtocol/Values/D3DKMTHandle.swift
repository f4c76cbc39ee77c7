/// The name of an object in a guest: instance in bits 0 to 5, index in bits 6 to 29, unique in bits 30 and 31
/// (docs/protocol/semantics.md 1.9).
public struct D3DKMTHandle: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A handle of instance 0. An index beyond `maximumIndex` or a unique above 3 is a bug of the caller.
    @inlinable
    public init(index: UInt32, unique: UInt32) {
        precondition(index <= Self.maximumIndex && unique <= 3, "handle index \(index), unique \(unique)")
        rawValue = unique << 30 | index << 6
    }

    /// No object.
    public static let none = D3DKMTHandle(rawValue: 0)

    /// The largest index that the Linux driver's table takes.
    @inlinable public static var maximumIndex: UInt32 { 0xFF_FFFE }

    /// Bits 0 to 5.
    @inlinable public var instance: UInt32 { rawValue & 0x3F }

    /// The place in the handle table.
    @inlinable public var index: UInt32 { rawValue >> 6 & 0xFF_FFFF }

    /// Tells apart the objects that have had this index.
    @inlinable public var unique: UInt32 { rawValue >> 30 }
}

extension D3DKMTHandle: Comparable {
    @inlinable
    public static func < (left: D3DKMTHandle, right: D3DKMTHandle) -> Bool { left.rawValue < right.rawValue }
}

extension D3DKMTHandle: WireValue {
    @inlinable public init(wire: UInt32) { self.init(rawValue: wire) }
    @inlinable public var wire: UInt32 { rawValue }
}

extension D3DKMTHandle: CustomStringConvertible {
    /// Hexadecimal, as Linux logs it.
    public var description: String { "0x" + String(rawValue, radix: 16) }
}
