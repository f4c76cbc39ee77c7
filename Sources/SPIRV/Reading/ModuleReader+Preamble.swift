extension ModuleReader {
    /// Enters what stands before the names: what the module needs, and where it begins.
    mutating func enterPreamble(_ instruction: Instruction) throws(ModuleError) {
        let words = module.words
        let operands = instruction.operands
        let first = operands.lowerBound
        switch instruction.opcode {
        case .capability:
            guard let capability = Capability(rawValue: words[first]) else { return }
            module.declaredCapabilities.append((capability, instruction.wordOffset))
            include(capability)
        case .extension: module.extensions.append(module.string(at: first))
        case .extInstImport:
            guard let id = instruction.result else { return }
            module.extendedSets[id] = try extendedSet(module.string(at: first), at: instruction.wordOffset)
        case .memoryModel:
            module.addressingModel = AddressingModel(rawValue: words[first]) ?? .logical
            module.memoryModel = MemoryModel(rawValue: words[first + 1]) ?? .simple
        case .entryPoint:
            let name = module.string(at: first + 2)
            // The name's zero byte may need a word of its own.
            let interface = operands.dropFirst(2 + module.stringWords(at: first + 2))
            module.entryPoints.append(
                EntryPoint(
                    model: ExecutionModel(rawValue: words[first]) ?? .kernel, function: ID(rawValue: words[first + 1]),
                    name: name, interface: interface.map { ID(rawValue: words[$0]) },
                    wordOffset: instruction.wordOffset))
        case .executionMode, .executionModeId:
            guard let mode = ExecutionMode(rawValue: words[first + 1]) else { return }
            module.executionModes.append(
                ExecutionModeDeclaration(
                    function: ID(rawValue: words[first]), mode: mode, operands: first + 2..<operands.upperBound,
                    hasIDs: instruction.opcode == .executionModeId, wordOffset: instruction.wordOffset))
        default: break
        }
        keep(instruction, .other)
    }

    /// Enters a name for people.
    mutating func enterName(_ instruction: Instruction) {
        let first = instruction.operands.lowerBound
        let id = ID(rawValue: module.words[first])
        if instruction.opcode == .name {
            module.names[id] = module.string(at: first + 1)
        } else {
            let key = Module.MemberKey(structure: id, member: module.words[first + 1])
            module.memberNames[key] = module.string(at: first + 2)
        }
        keep(instruction, .other)
    }

    /// A capability and those that it brings with it.
    private mutating func include(_ capability: Capability) {
        guard module.capabilities.insert(capability).inserted else { return }
        for implied in capability.capabilities { include(implied) }
    }

    private func extendedSet(_ name: String, at wordOffset: Int) throws(ModuleError) -> ExtendedSet {
        switch name {
        case "OpenCL.std": return .openCL
        case "GLSL.std.450": return .glsl
        case "OpenCL.DebugInfo.100": return .nonSemantic
        default:
            guard name.hasPrefix("NonSemantic.") else {
                throw ModuleError(.unsupportedSet, "known are OpenCL.std, GLSL.std.450, NonSemantic.*", at: wordOffset)
            }
            return .nonSemantic
        }
    }

    /// What an OpExtInst's operands are: the set says that.
    func extendedSignature(_ words: Range<Int>) throws(ModuleError) -> [OperandKind] {
        let start = words.lowerBound
        let head: [OperandKind] = [.resultType, .result, .id, .extendedInstruction]
        // Too few words: the walk says so.
        guard words.count >= 5 else { return head }
        let set = ID(rawValue: module.words[start + 3])
        let number = module.words[start + 4]
        switch module.extendedSets[set] {
        case .openCL:
            guard let instruction = OpenCLInstruction(rawValue: number) else {
                throw ModuleError(.unknownExtendedInstruction, "\(number) of OpenCL.std", at: start + 4)
            }
            if instruction == .printf { return head + [.id, .ids] }
            let operands = Array(repeating: OperandKind.id, count: instruction.operandCount)
            return head + (instruction.endsInLiteral ? operands.dropLast() + [.literal] : operands)
        case .glsl:
            guard let instruction = GLSLInstruction(rawValue: number) else {
                throw ModuleError(.unknownExtendedInstruction, "\(number) of GLSL.std.450", at: start + 4)
            }
            return head + Array(repeating: OperandKind.id, count: instruction.operandCount)
        case .nonSemantic: return head + [.literals]
        case nil: throw ModuleError(.extendedSet, "\(set)", at: start + 3)
        }
    }

    /// What an OpSpecConstantOp's operands are: those of the instruction that it names.
    func operationSignature(_ words: Range<Int>) throws(ModuleError) -> [OperandKind] {
        let head: [OperandKind] = [.resultType, .result, .operation]
        guard words.count >= 4 else { return head }
        let number = module.words[words.lowerBound + 3]
        guard let opcode = UInt16(exactly: number).flatMap({ Opcode(rawValue: $0) }), opcode.isConstantOperation,
            let signatureIndex = opcode.signatureIndex
        else {
            throw ModuleError(.constantOperation, "\(number)", at: words.lowerBound + 3)
        }
        return head + Opcode.signatures[signatureIndex].dropFirst(2)
    }
}

extension Module {
    /// How many words the text takes that begins at a word.
    func stringWords(at index: Int) -> Int {
        (words[index...].firstIndex(where: \.endsText) ?? words.count - 1) - index + 1
    }
}

extension OpenCLInstruction {
    /// Whether the last operand is a number itself: how many elements, or how to round.
    var endsInLiteral: Bool {
        switch self {
        case .vloadn, .vload_halfn, .vloada_halfn, .vstore_half_r, .vstore_halfn_r, .vstorea_halfn_r: true
        default: false
        }
    }
}

extension Opcode {
    /// Whether OpSpecConstantOp may name it: what computes a value from values.
    var isConstantOperation: Bool {
        switch self {
        case .sConvert, .uConvert, .fConvert, .sNegate, .not, .iAdd, .iSub, .iMul, .uDiv, .sDiv, .uMod, .sRem, .sMod,
            .shiftRightLogical, .shiftRightArithmetic, .shiftLeftLogical, .bitwiseOr, .bitwiseXor, .bitwiseAnd,
            .vectorShuffle, .compositeExtract, .compositeInsert, .logicalOr, .logicalAnd, .logicalNot, .logicalEqual,
            .logicalNotEqual, .select, .iEqual, .iNotEqual, .uLessThan, .sLessThan, .uGreaterThan, .sGreaterThan,
            .uLessThanEqual, .sLessThanEqual, .uGreaterThanEqual, .sGreaterThanEqual, .quantizeToF16, .convertFToS,
            .convertSToF, .convertFToU, .convertUToF, .convertPtrToU, .convertUToPtr, .genericCastToPtr,
            .ptrCastToGeneric, .bitcast, .fNegate, .fAdd, .fSub, .fMul, .fDiv, .fRem, .fMod, .accessChain,
            .inBoundsAccessChain, .ptrAccessChain, .inBoundsPtrAccessChain:
            true
        default: false
        }
    }
}
