/// A constant as it was declared: `ConstantTable` has its value.
public struct Constant: Hashable, Sendable {
    /// What a constant is made of.
    public enum Content: Hashable, Sendable {
        case bool(Bool)
        /// An integer's or float's bits, those above its width zero.
        case bits(UInt64)
        /// Its parts in order, constants as well.
        case composite([ID])
        /// All zeros.
        case null
        /// Whatever is convenient (OpUndef).
        case undefined
        /// The result of an instruction (OpSpecConstantOp); its operands are at these words of the module.
        case operation(Opcode, operands: Range<Int>)
    }

    /// Its ID.
    public let id: ID
    /// The ID of its type.
    public let type: ID
    /// What it was declared as.
    public let content: Content
    /// Whether a user may give another value, or it depends on such a constant.
    public let isSpecialization: Bool
    /// The number by which a user gives another value, if there is one.
    public internal(set) var specializationID: UInt32?
    /// Index of the first word of its declaration.
    public let wordOffset: Int
}
