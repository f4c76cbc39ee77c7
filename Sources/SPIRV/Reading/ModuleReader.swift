/// Takes a module apart, instruction by instruction: each is checked by itself, then entered where it belongs.
struct ModuleReader {
    var module: Module
    /// The part of the module that was reached.
    var section = Section.capabilities
    /// The function that is open, as an index into the module's functions.
    var function: FunctionState?
    /// Decorations of groups, and where groups were applied: taken apart at the end.
    var groupUses: [GroupUse] = []
    /// Pointer types that were announced and have not come yet.
    var forwardPointers: [ID: StorageClass] = [:]
    /// Whether there was a function with blocks.
    var hasDefinitions = false
    private var hasMemoryModel = false

    /// A group of decorations, applied to a target or a member of one.
    struct GroupUse {
        let group: ID
        let target: ID
        let member: Int?
        let wordOffset: Int
    }

    init(words: [UInt32], limits: Limits) throws(ModuleError) {
        guard words.count <= limits.words else {
            throw ModuleError(.tooManyWords, "\(words.count), at most \(limits.words)", at: limits.words)
        }
        guard words.count >= 5 else {
            throw ModuleError(.headerLength, "\(words.count) of 5 words", at: words.count)
        }
        let magic: UInt32 = 0x0723_0203
        var words = words
        if words[0] == magic.byteSwapped {
            for index in words.indices { words[index] = words[index].byteSwapped }
        }
        guard words[0] == magic else { throw ModuleError(.magic, "0x\(String(words[0], radix: 16))", at: 0) }
        let major = UInt8(truncatingIfNeeded: words[1] >> 16)
        let minor = UInt8(truncatingIfNeeded: words[1] >> 8)
        guard words[1] & 0xFF00_00FF == 0, major == 1, minor <= 6 else {
            throw ModuleError(.version, "0x\(String(words[1], radix: 16)), known are 1.0 to 1.6", at: 1)
        }
        guard words[3] > 0 else { throw ModuleError(.bound, "0", at: 3) }
        guard words[3] <= limits.bound else {
            throw ModuleError(.boundTooHigh, "\(words[3]), at most \(limits.bound)", at: 3)
        }
        guard words[4] == 0 else { throw ModuleError(.schema, "\(words[4])", at: 4) }
        module = Module(header: words, limits: limits, version: Version(major, minor))
    }

    mutating func read() throws(ModuleError) {
        var index = 5
        while index < module.words.count {
            let first = module.words[index]
            let count = Int(first >> 16)
            guard count > 0 else { throw ModuleError(.wordCount, "0", at: index) }
            guard count <= module.words.count - index else {
                throw ModuleError(.wordCount, "\(count), but \(module.words.count - index) are left", at: index)
            }
            guard let opcode = Opcode(rawValue: UInt16(truncatingIfNeeded: first)) else {
                throw ModuleError(.unknownInstruction, "\(first & 0xFFFF)", at: index)
            }
            let instruction = try checked(opcode, index..<index + count)
            try place(instruction)
            try enter(instruction)
            index += count
        }
        try finish()
    }

    /// The instruction at some words, if each of its operands is what its place asks for.
    private mutating func checked(_ opcode: Opcode, _ words: Range<Int>) throws(ModuleError) -> Instruction {
        let start = words.lowerBound
        guard let signatureIndex = opcode.signatureIndex else {
            throw ModuleError(.unsupportedInstruction, opcode.name, at: start)
        }
        let signature = Opcode.signatures[signatureIndex]
        var walk = OperandWalk(
            words: module.words, opcode: opcode, from: start + 1, to: words.upperBound, at: start,
            numberWords: try numberWords(opcode, words))
        var resultType: UInt32 = 0
        var result: UInt32 = 0
        var operandStart = 1
        func visit(_ kind: OperandKind, _ index: Int) throws(ModuleError) {
            let word = module.words[index]
            switch kind {
            case .resultType:
                resultType = word
                operandStart += 1
            case .result:
                result = word
                operandStart += 1
            case .id, .scope, .semantics: break
            default: return
            }
            guard word > 0 else { throw ModuleError(.idZero, "in \(opcode.name)", at: index) }
            guard word < module.bound else {
                throw ModuleError(.idBound, "\(word) of \(module.bound) in \(opcode.name)", at: index)
            }
        }
        switch opcode {
        case .extInst: try walk.walk(try extendedSignature(words), visit)
        case .specConstantOp: try walk.walk(try operationSignature(words), visit)
        default: try walk.walk(signature, visit)
        }
        try walk.finish()
        let instruction = Instruction(
            opcode: opcode, words: words, operandStart: operandStart, resultType: resultType, result: result)
        if result != 0, module.definitions[Int(result)].kind != .none {
            throw ModuleError(.definedTwice, "%\(result)", at: start)
        }
        return instruction
    }

    /// How many words a number has in an instruction whose numbers are as wide as a type says.
    private func numberWords(_ opcode: Opcode, _ words: Range<Int>) throws(ModuleError) -> Int {
        guard words.count > 1 else { return 1 }
        let id = ID(rawValue: module.words[words.lowerBound + 1])
        switch opcode {
        case .constant, .specConstant:
            guard let width = module.type(id)?.numberWidth else {
                throw ModuleError(.constantType, "\(opcode.name) of a type that is no number", at: words.lowerBound)
            }
            return width > 32 ? 2 : 1
        case .switch:
            guard case .int(let width, _) = module.type(ofValue: id) else {
                throw ModuleError(.switchSelector, "\(id)", at: words.lowerBound)
            }
            return width > 32 ? 2 : 1
        default: return 1
        }
    }

    /// Whether the instruction may stand where it stands.
    private mutating func place(_ instruction: Instruction) throws(ModuleError) {
        let opcode = instruction.opcode
        func refuse() -> ModuleError {
            ModuleError(.layout, "\(opcode.name) among \(section)", at: instruction.wordOffset)
        }
        if let own = Section(opcode) {
            guard own >= section, function == nil else { throw refuse() }
            section = own
            return
        }
        switch opcode {
        case .nop: return
        case .line, .noLine, .undef, .variable, .extInst:
            if section < .declarations { section = .declarations }
            guard section == .declarations || function != nil else { throw refuse() }
        case .function:
            guard function == nil else { throw refuse() }
            section = .functions
        default: guard function != nil else { throw refuse() }
        }
    }

    /// Enters an instruction that was checked by itself.
    private mutating func enter(_ instruction: Instruction) throws(ModuleError) {
        switch instruction.opcode {
        case .nop, .line, .noLine: return
        case .capability, .extension, .extInstImport, .entryPoint, .executionMode, .executionModeId, .string,
            .source, .sourceExtension, .sourceContinued, .moduleProcessed:
            try enterPreamble(instruction)
        case .memoryModel:
            guard !hasMemoryModel else { throw ModuleError(.memoryModelTwice, "", at: instruction.wordOffset) }
            hasMemoryModel = true
            try enterPreamble(instruction)
        case .name, .memberName: enterName(instruction)
        case .decorate, .memberDecorate, .decorationGroup, .groupDecorate, .groupMemberDecorate, .decorateId,
            .decorateString, .memberDecorateString:
            try enterDecoration(instruction)
        default:
            if function != nil || instruction.opcode == .function {
                try enterInFunction(instruction)
            } else {
                try enterDeclaration(instruction)
            }
        }
    }

    /// Keeps an instruction, and where its result, if it has one, is to be found.
    @discardableResult
    mutating func keep(
        _ instruction: Instruction, _ kind: Module.Definition.Kind, row: Int = -1, part: Int = -1
    ) -> Int {
        let index = module.instructions.count
        module.instructions.append(instruction)
        if let result = instruction.result {
            module.definitions[result.index] = Module.Definition(
                kind: kind, instruction: Int32(index), row: Int32(row), part: Int32(part))
        }
        return index
    }

    private mutating func finish() throws(ModuleError) {
        let end = module.words.count
        guard function == nil else { throw ModuleError(.functionEnd, "", at: end) }
        guard hasMemoryModel else { throw ModuleError(.memoryModelMissing, "", at: end) }
        if let id = forwardPointers.keys.min() {
            throw ModuleError(.forwardPointer, "\(id) is announced and never declared", at: end)
        }
        try finishDecorations()
    }
}
