/// The number by which a module's instructions name what an instruction made; never 0, and below the module's bound.
public struct ID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static func < (left: ID, right: ID) -> Bool { left.rawValue < right.rawValue }

    public var description: String { "%\(rawValue)" }

    /// Index into tables that have a row for each ID below the bound.
    var index: Int { Int(rawValue) }
}
