/// A version of SPIR-V, of which there are 1.0 to 1.6.
public struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number before the point.
    public let major: UInt8
    /// The number behind the point.
    public let minor: UInt8

    public init(_ major: UInt8, _ minor: UInt8) {
        self.major = major
        self.minor = minor
    }

    public static func < (left: Version, right: Version) -> Bool {
        (left.major, left.minor) < (right.major, right.minor)
    }

    public var description: String { "\(major).\(minor)" }
}
