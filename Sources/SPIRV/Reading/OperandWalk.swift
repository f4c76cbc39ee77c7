/// Goes over the operands of one instruction by its signature: what each word is, and that there are as many as there
/// have to be.
struct OperandWalk {
    let words: [UInt32]
    let opcode: Opcode
    /// Of the first word.
    let wordOffset: Int
    /// Behind the last word.
    let end: Int
    /// How many words a number has whose width depends on a type (OpConstant, OpSwitch).
    let numberWords: Int
    /// The next word.
    private(set) var index: Int

    init(words: [UInt32], opcode: Opcode, from index: Int, to end: Int, at wordOffset: Int, numberWords: Int) {
        self.words = words
        self.opcode = opcode
        self.index = index
        self.end = end
        self.wordOffset = wordOffset
        self.numberWords = numberWords
    }

    /// Calls with the kind and index of each word that is an operand or begins one. Kinds that may be left out or
    /// repeated come as what they are made of.
    mutating func walk(
        _ signature: some Sequence<OperandKind>, _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        for kind in signature { try walk(kind, visit) }
    }

    /// That nothing is left over.
    func finish() throws(ModuleError) {
        guard index == end else {
            throw ModuleError(
                .operandCount, "\(end - index) words too many for \(opcode.name)", at: wordOffset)
        }
    }

    private mutating func walk(
        _ kind: OperandKind, _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        switch kind {
        case .optionalID: if index < end { try word(.id, visit) }
        case .optionalLiteral, .optionalPackedVectorFormat: if index < end { try word(.literal, visit) }
        case .optionalString: if index < end { try string(visit) }
        case .optionalMemoryAccess:
            if index < end { try mask(kind, known: MemoryAccess.known, MemoryAccess.parameters, visit) }
        case .ids: while index < end { try word(.id, visit) }
        case .literals: while index < end { try word(.literal, visit) }
        case .pairsOfIDs: while index < end { try words([.id, .id], visit) }
        case .pairsOfIDAndLiteral: while index < end { try words([.id, .literal], visit) }
        case .pairsOfNumberAndID:
            while index < end {
                try number(visit)
                try word(.id, visit)
            }
        case .string: try string(visit)
        case .number: try number(visit)
        case .loopControl: try mask(kind, known: LoopControl.known, LoopControl.parameters, visit)
        case .selectionControl: try mask(kind, known: SelectionControl.known, [], visit)
        case .functionControl: try mask(kind, known: FunctionControl.known, [], visit)
        case .decoration: try enumerant(kind, DecorationKind.self, visit) { $0.parameters }
        case .executionMode: try enumerant(kind, ExecutionMode.self, visit) { $0.parameters }
        case .storageClass: try enumerant(kind, StorageClass.self, visit) { _ in [] }
        case .capability: try enumerant(kind, Capability.self, visit) { _ in [] }
        case .addressingModel: try enumerant(kind, AddressingModel.self, visit) { _ in [] }
        case .memoryModel: try enumerant(kind, MemoryModel.self, visit) { _ in [] }
        case .executionModel: try enumerant(kind, ExecutionModel.self, visit) { _ in [] }
        case .groupOperation: try enumerant(kind, GroupOperation.self, visit) { _ in [] }
        case .resultType, .result, .id, .scope, .semantics, .literal, .extendedInstruction, .operation:
            try word(kind, visit)
        }
    }

    private mutating func words(
        _ kinds: [OperandKind], _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        for kind in kinds { try word(kind, visit) }
    }

    private mutating func word(
        _ kind: OperandKind, _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        _ = try nextWord()
        try visit(kind, index)
        index += 1
    }

    /// The next word, which has to be there.
    private func nextWord() throws(ModuleError) -> UInt32 {
        guard index < end else {
            throw ModuleError(.operandCount, "too few words for \(opcode.name)", at: wordOffset)
        }
        return words[index]
    }

    private mutating func number(
        _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        for _ in 0..<numberWords { try word(.literal, visit) }
    }

    private mutating func string(
        _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        let start = index
        guard let last = words[start..<end].firstIndex(where: \.endsText) else {
            throw ModuleError(.stringEnd, "in \(opcode.name)", at: wordOffset)
        }
        index = last + 1
        try visit(.string, start)
    }

    private mutating func mask(
        _ kind: OperandKind, known: UInt32, _ parameters: [(bit: UInt32, kind: OperandKind)],
        _ visit: (OperandKind, Int) throws(ModuleError) -> Void
    ) throws(ModuleError) {
        let bits = try nextWord()
        guard bits & ~known == 0 else {
            throw ModuleError(
                .unknownBits, "0x\(String(bits & ~known, radix: 16)) in a mask of \(opcode.name)", at: index)
        }
        try word(kind, visit)
        for parameter in parameters where bits & parameter.bit != 0 { try word(parameter.kind, visit) }
    }

    private mutating func enumerant<Value: RawRepresentable<UInt32>>(
        _ kind: OperandKind, _: Value.Type, _ visit: (OperandKind, Int) throws(ModuleError) -> Void,
        parameters: (Value) -> [OperandKind]
    ) throws(ModuleError) {
        let number = try nextWord()
        guard let value = Value(rawValue: number) else {
            throw ModuleError(.unknownValue, "\(number) as \(Value.self) of \(opcode.name)", at: index)
        }
        try word(kind, visit)
        for parameter in parameters(value) { try walk(parameter, visit) }
    }
}

extension UInt32 {
    /// Whether text in words ends in this one: in the first with a zero byte.
    var endsText: Bool { self & 0xFF == 0 || self & 0xFF00 == 0 || self & 0xFF_0000 == 0 || self & 0xFF00_0000 == 0 }
}
