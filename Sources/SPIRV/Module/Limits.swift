/// How large a module may be and what it may ask for. Whatever reads a module takes memory and time in proportion to
/// its words and its bound, both of which end here.
public struct Limits: Sendable {
    /// The most words that a module may have, header included.
    public var words = 4 << 20
    /// The highest bound; the specification's own limit is as high.
    public var bound: UInt32 = 0x40_0000
    /// How many decorations targets may have in all, those from groups counted for each target.
    public var decorations = 1 << 20
    /// How deep types may hold one another.
    public var typeDepth = 255
    /// The most members of a structure.
    public var structureMembers = 16_383
    /// The most bytes that a type may take up.
    public var typeBytes: UInt64 = 1 << 40
    /// How many scalars the values of all constants may have in all, those of a composite counted wherever it is used.
    public var constantScalars = 1 << 20
    /// The most parameters of a function.
    public var parameters = 255
    /// The most variables of a function.
    public var functionVariables = 0x8_0000
    /// How deep structured control flow may be nested.
    public var nesting = 1023
    /// How deep functions may call one another.
    public var callDepth = 1024

    public init() {}
}
