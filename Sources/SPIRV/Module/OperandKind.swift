/// What an operand is, and so how many words it takes and what has to hold of them.
enum OperandKind: Hashable, Sendable {
    /// The ID of the type of what the instruction makes.
    case resultType
    /// The ID of what the instruction makes.
    case result
    case id
    case optionalID
    case ids
    /// One word that stands for itself.
    case literal
    case optionalLiteral
    case literals
    /// UTF-8 in words, ended by a zero byte.
    case string
    case optionalString
    /// A number with as many words as the result's type needs.
    case number
    /// Which instruction of a set; the set says what its operands are.
    case extendedInstruction
    /// The number of an instruction whose operands follow, without result and type.
    case operation
    /// An ID of a constant that says among whom.
    case scope
    /// An ID of a constant with the bits of `MemorySemantics`.
    case semantics
    /// A value and the block that it comes from.
    case pairsOfIDs
    case pairsOfIDAndLiteral
    /// A number as wide as the first operand's type, and a block.
    case pairsOfNumberAndID
    case optionalMemoryAccess
    case loopControl
    case selectionControl
    case functionControl
    case storageClass
    case capability
    case addressingModel
    case memoryModel
    case executionModel
    case executionMode
    case decoration
    case groupOperation
    case optionalPackedVectorFormat
}
