extension ModuleReader {
    /// Enters a type, a constant or a global variable.
    mutating func enterDeclaration(_ instruction: Instruction) throws(ModuleError) {
        switch instruction.opcode {
        case .typeForwardPointer: try enterForwardPointer(instruction)
        case .variable: try enterVariable(instruction)
        case .extInst:
            guard module.extendedSets[module.id(instruction, 0)] == .nonSemantic else {
                throw ModuleError(.layout, "OpExtInst with an effect outside of a function", at: instruction.wordOffset)
            }
            keep(instruction, .other)
        default:
            if let id = instruction.result, let type = try dataType(instruction) {
                keep(instruction, .type, row: module.types.count)
                if case .pointer = type { forwardPointers[id] = nil }
                module.types.append((id, type, instruction.wordOffset))
            } else {
                try enterConstant(instruction)
            }
        }
    }

    /// The type that an instruction declares, if it declares one.
    private func dataType(_ instruction: Instruction) throws(ModuleError) -> DataType? {
        let words = module.words
        let first = instruction.operands.lowerBound
        switch instruction.opcode {
        case .typeVoid: return .void
        case .typeBool: return .bool
        case .typeEvent: return .event
        case .typeInt:
            guard [8, 16, 32, 64].contains(words[first]), words[first + 1] <= 1 else {
                throw ModuleError(
                    .numberWidth, "an integer of \(words[first]) bits, signedness \(words[first + 1])", at: first)
            }
            return .int(width: Int(words[first]), isSigned: words[first + 1] == 1)
        case .typeFloat:
            guard [16, 32, 64].contains(words[first]) else {
                throw ModuleError(.numberWidth, "a float of \(words[first]) bits", at: first)
            }
            return .float(width: Int(words[first]))
        case .typeVector:
            guard [2, 3, 4, 8, 16].contains(words[first + 1]) else {
                throw ModuleError(.vectorSize, "\(words[first + 1])", at: first + 1)
            }
            return .vector(element: try declaredType(instruction, 0), count: Int(words[first + 1]))
        case .typeMatrix:
            guard (2...4).contains(words[first + 1]) else {
                throw ModuleError(.matrixSize, "\(words[first + 1]) columns", at: first + 1)
            }
            return .matrix(column: try declaredType(instruction, 0), count: Int(words[first + 1]))
        case .typeArray:
            let length = module.id(instruction, 1)
            guard module.constant(length) != nil else {
                throw ModuleError(.arrayLength, "\(length) is no constant", at: first + 1)
            }
            return .array(element: try declaredType(instruction, 0), length: length)
        case .typeRuntimeArray: return .runtimeArray(element: try declaredType(instruction, 0))
        case .typeStruct:
            guard instruction.operands.count <= module.limits.structureMembers else {
                throw ModuleError(.tooManyMembers, "\(instruction.operands.count)", at: instruction.wordOffset)
            }
            var members: [ID] = []
            for place in instruction.operands.indices.indices {
                members.append(try declaredType(instruction, place - first, orForwardPointer: true))
            }
            return .structure(members: members)
        case .typePointer:
            guard let storageClass = StorageClass(rawValue: words[first]) else { return nil }
            if let id = instruction.result, let announced = forwardPointers[id], announced != storageClass {
                throw ModuleError(
                    .forwardPointer, "announced in \(announced.name), declared in \(storageClass.name)", at: first)
            }
            return .pointer(storageClass, pointee: try declaredType(instruction, 1, orForwardPointer: true))
        case .typeFunction:
            guard instruction.operands.count <= module.limits.parameters + 1 else {
                throw ModuleError(.tooManyParameters, "\(instruction.operands.count - 1)", at: instruction.wordOffset)
            }
            var parts: [ID] = []
            for place in instruction.operands.indices.indices {
                parts.append(try declaredType(instruction, place - first))
            }
            return .function(result: parts[0], parameters: Array(parts.dropFirst()))
        case .typeImage, .typeSampler, .typeSampledImage, .typeOpaque: return .foreign(instruction.opcode)
        default: return nil
        }
    }

    /// The operand at a place, which has to be a type that was declared before, or announced.
    private func declaredType(
        _ instruction: Instruction, _ place: Int, orForwardPointer: Bool = false
    ) throws(ModuleError) -> ID {
        let id = module.id(instruction, place)
        guard module.type(id) != nil || orForwardPointer && forwardPointers[id] != nil else {
            throw ModuleError(
                .typeExpected, "\(id) in \(instruction.opcode.name)", at: instruction.operands.lowerBound + place)
        }
        return id
    }

    private mutating func enterForwardPointer(_ instruction: Instruction) throws(ModuleError) {
        let id = module.id(instruction, 0)
        let first = instruction.operands.lowerBound
        guard module.definition(id).kind == .none, forwardPointers[id] == nil else {
            throw ModuleError(.forwardPointer, "\(id) is there already", at: first)
        }
        forwardPointers[id] = StorageClass(rawValue: module.words[first + 1])
        keep(instruction, .other)
    }

    private mutating func enterVariable(_ instruction: Instruction) throws(ModuleError) {
        let first = instruction.operands.lowerBound
        guard let id = instruction.result, let type = instruction.resultType,
            let storageClass = StorageClass(rawValue: module.words[first])
        else { return }
        guard storageClass != .function else {
            throw ModuleError(.variableClass, "Function outside of a function", at: first)
        }
        keep(instruction, .variable, row: module.variables.count)
        module.variables.append(
            GlobalVariable(
                id: id, type: type, storageClass: storageClass,
                initializer: instruction.operands.count > 1 ? module.id(instruction, 1) : nil,
                wordOffset: instruction.wordOffset))
    }

    private mutating func enterConstant(_ instruction: Instruction) throws(ModuleError) {
        guard let id = instruction.result, let type = instruction.resultType else { return }
        guard module.type(type) != nil else {
            throw ModuleError(.typeExpected, "\(type) in \(instruction.opcode.name)", at: instruction.wordOffset + 1)
        }
        var isSpecialization = false
        let content: Constant.Content
        switch instruction.opcode {
        case .constantTrue: content = .bool(true)
        case .constantFalse: content = .bool(false)
        case .specConstantTrue, .specConstantFalse:
            content = .bool(instruction.opcode == .specConstantTrue)
            isSpecialization = true
        case .constant, .specConstant:
            content = .bits(number(instruction, type: type))
            isSpecialization = instruction.opcode == .specConstant
        case .constantComposite, .specConstantComposite:
            content = .composite(module.ids(instruction))
            isSpecialization = instruction.opcode == .specConstantComposite
        case .specConstantOp:
            guard let opcode = Opcode(rawValue: UInt16(truncatingIfNeeded: module.operands(instruction).first ?? 0))
            else { return }
            content = .operation(opcode, operands: instruction.operands.dropFirst())
            isSpecialization = true
        case .constantNull: content = .null
        default: content = .undefined
        }
        keep(instruction, .constant, row: module.constants.count)
        module.constants.append(
            Constant(
                id: id, type: type, content: content, isSpecialization: isSpecialization,
                wordOffset: instruction.wordOffset))
    }

    /// The bits of a number; those above its type's width do not count.
    private func number(_ instruction: Instruction, type: ID) -> UInt64 {
        let words = module.operands(instruction)
        var bits: UInt64 = 0
        for word in words.reversed() { bits = bits << 32 | UInt64(word) }
        return bits & (module.type(type)?.numberMask ?? .max)
    }
}
