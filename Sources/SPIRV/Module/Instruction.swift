/// One instruction. What it names stands in the module's words.
public struct Instruction: Hashable, Sendable {
    /// Which instruction it is.
    public let opcode: Opcode
    /// Index of its first word in the module.
    private let first: UInt32
    /// How many words it has, the first one included.
    private let count: UInt16
    /// Where its operands begin, counted from its first word: behind the result's type and ID.
    private let operandStart: UInt8
    private let rawResultType: UInt32
    private let rawResult: UInt32

    init(opcode: Opcode, words: Range<Int>, operandStart: Int, resultType: UInt32, result: UInt32) {
        self.opcode = opcode
        first = UInt32(words.lowerBound)
        count = UInt16(words.count)
        self.operandStart = UInt8(operandStart)
        rawResultType = resultType
        rawResult = result
    }

    /// The ID of what it makes, if it makes something.
    public var result: ID? { rawResult == 0 ? nil : ID(rawValue: rawResult) }

    /// The ID of the type of what it makes, if that has one.
    public var resultType: ID? { rawResultType == 0 ? nil : ID(rawValue: rawResultType) }

    /// Index of its first word, counted from the start of the module.
    public var wordOffset: Int { Int(first) }

    /// Indices of all its words.
    public var words: Range<Int> { wordOffset..<wordOffset + Int(count) }

    /// Indices of the words of its operands, result and type left out.
    public var operands: Range<Int> { wordOffset + Int(operandStart)..<wordOffset + Int(count) }
}
