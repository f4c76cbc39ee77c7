/// The version of the interface between guest driver and host, agreed over PCI configuration space
/// (docs/protocol/semantics.md 1.1 and 1.3). Versions 28 to 39 behave as 27.
public struct InterfaceVersion: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt32

    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The version before extended headers.
    public static let v27 = InterfaceVersion(rawValue: 27)

    /// The current version.
    public static let v40 = InterfaceVersion(rawValue: 40)

    /// The lowest version that version 27 and 40 drivers call compatible.
    public static let lastCompatible = InterfaceVersion(rawValue: 16)

    /// Whether commands are preceded by an extended header, and what else came with version 40.
    @inlinable public var hasExtendedHeader: Bool { rawValue >= 40 }
}

extension InterfaceVersion: Comparable {
    @inlinable
    public static func < (left: InterfaceVersion, right: InterfaceVersion) -> Bool { left.rawValue < right.rawValue }
}

extension InterfaceVersion: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
