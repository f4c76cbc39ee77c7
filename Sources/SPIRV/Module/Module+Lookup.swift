extension Module {
    /// The definition's row; an empty one for an ID that is out of bounds.
    func definition(_ id: ID) -> Definition {
        definitions.indices.contains(id.index) ? definitions[id.index] : Definition()
    }

    /// The type that an ID stands for, if it stands for one.
    public func type(_ id: ID) -> DataType? {
        let definition = definition(id)
        return definition.kind == .type ? types[Int(definition.row)].type : nil
    }

    /// The constant that an ID stands for, if it stands for one.
    public func constant(_ id: ID) -> Constant? {
        let definition = definition(id)
        return definition.kind == .constant ? constants[Int(definition.row)] : nil
    }

    /// The global variable that an ID stands for, if it stands for one.
    public func variable(_ id: ID) -> GlobalVariable? {
        let definition = definition(id)
        return definition.kind == .variable ? variables[Int(definition.row)] : nil
    }

    /// The function that an ID stands for, if it stands for one.
    public func function(_ id: ID) -> Function? {
        let definition = definition(id)
        return definition.kind == .function ? functions[Int(definition.row)] : nil
    }

    /// Index into the functions of the function that an ID stands for, if it stands for one.
    public func functionIndex(_ id: ID) -> Int? {
        let definition = definition(id)
        return definition.kind == .function ? Int(definition.row) : nil
    }

    /// Index into its function's blocks of the block that an ID stands for, if it stands for one.
    public func blockIndex(_ label: ID) -> Int? {
        let definition = definition(label)
        return definition.kind == .block ? Int(definition.part) : nil
    }

    /// Where an instruction in a function made the value that an ID stands for: indices of the function, of its block
    /// and of the instruction. Nothing of parameters, constants and variables outside of functions.
    public func origin(_ id: ID) -> (function: Int, block: Int, instruction: Int)? {
        let definition = definition(id)
        guard definition.kind == .value else { return nil }
        return (Int(definition.row), Int(definition.part), Int(definition.instruction))
    }

    /// The ID of the type of the value that an ID stands for; nothing of types, blocks and the like.
    public func typeID(ofValue id: ID) -> ID? {
        let definition = definition(id)
        return switch definition.kind {
        case .constant: constants[Int(definition.row)].type
        case .variable: variables[Int(definition.row)].type
        case .function: functions[Int(definition.row)].type
        case .parameter: functions[Int(definition.row)].parameters[Int(definition.part)].type
        case .value: instructions[Int(definition.instruction)].resultType
        case .none, .type, .block, .other: nil
        }
    }

    /// The type of the value that an ID stands for; nothing of types, blocks and the like.
    public func type(ofValue id: ID) -> DataType? { typeID(ofValue: id).flatMap { type($0) } }

    /// The words of an instruction's operands, result and type left out.
    public func operands(_ instruction: Instruction) -> ArraySlice<UInt32> { words[instruction.operands] }

    /// The operand at a place among an instruction's operands, as an ID. The place has to be there.
    public func id(_ instruction: Instruction, _ place: Int) -> ID {
        ID(rawValue: words[instruction.operands.lowerBound + place])
    }

    /// The operands from a place on as IDs.
    public func ids(_ instruction: Instruction, from place: Int = 0) -> [ID] {
        words[instruction.operands].dropFirst(place).map { ID(rawValue: $0) }
    }

    /// What a phi chooses from: the value for each block that control may come from.
    public func phiSources(_ instruction: Instruction) -> [(value: ID, block: ID)] {
        stride(from: instruction.operands.lowerBound, to: instruction.operands.upperBound - 1, by: 2).map { index in
            (ID(rawValue: words[index]), ID(rawValue: words[index + 1]))
        }
    }

    /// What was said of an ID itself.
    public func decorations(of target: ID) -> ArraySlice<Decoration> { decorations(of: target, member: nil) }

    /// What was said of a member of a structure, or of the ID itself without one.
    public func decorations(of target: ID, member: Int?) -> ArraySlice<Decoration> {
        let key = (target.rawValue, member ?? -1)
        return decorations[firstDecoration { $0.order >= key }..<firstDecoration { $0.order > key }]
    }

    /// The first decoration of a kind that an ID or a member of it has.
    public func decoration(_ kind: DecorationKind, of target: ID, member: Int? = nil) -> Decoration? {
        decorations(of: target, member: member).first { $0.kind == kind }
    }

    /// The first word behind a decoration's kind, of the first decoration of that kind.
    public func decorationValue(_ kind: DecorationKind, of target: ID, member: Int? = nil) -> UInt32? {
        decoration(kind, of: target, member: member).flatMap { words[$0.operands].first }
    }

    /// What of the system's a variable, or a member of a structure, holds.
    public func builtIn(of target: ID, member: Int? = nil) -> BuiltIn? {
        decorationValue(.builtIn, of: target, member: member).flatMap { BuiltIn(rawValue: $0) }
    }

    /// The execution modes of an entry point's function.
    public func executionModes(of function: ID) -> [ExecutionModeDeclaration] {
        executionModes.filter { $0.function == function }
    }

    /// The text that begins at a word, up to its zero byte. The reader has found that it ends.
    func string(at index: Int) -> String {
        var bytes: [UInt8] = []
        for word in words[index...] {
            for shift in stride(from: 0, to: 32, by: 8) {
                let byte = UInt8(truncatingIfNeeded: word >> UInt32(shift))
                if byte == 0 { return String(decoding: bytes, as: UTF8.self) }
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Index of the first decoration for which a condition holds that holds for all behind it.
    private func firstDecoration(where condition: (Decoration) -> Bool) -> Int {
        var low = 0
        var high = decorations.count
        while low < high {
            let middle = (low + high) / 2
            if condition(decorations[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
