/// What was said of an ID or of a member of a structure.
public struct Decoration: Hashable, Sendable {
    /// Whose it is.
    public let target: ID
    /// Which member of the target, if it is about one.
    public let member: Int?
    /// What is said.
    public let kind: DecorationKind
    /// Indices of the words behind the kind.
    public let operands: Range<Int>
    /// Index of the first word of the instruction that said it.
    public let wordOffset: Int

    /// The order in which they are kept: by target, the target's own before its members'.
    var order: (UInt32, Int) { (target.rawValue, member ?? -1) }
}
