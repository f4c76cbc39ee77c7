extension ModuleReader {
    /// A function that is open.
    struct FunctionState {
        /// Index into the module's functions.
        let index: Int
        /// The types that its type gives its parameters.
        let parameterTypes: [ID]
        /// Whether a block is open.
        var isInBlock = false
        /// Whether the open block takes no more phis.
        var isBehindPhis = false
        /// Whether the open block takes no more variables.
        var isBehindVariables = false
        /// How many variables there are.
        var variables = 0
    }

    /// Enters an instruction of a function, its beginning and its end.
    mutating func enterInFunction(_ instruction: Instruction) throws(ModuleError) {
        switch instruction.opcode {
        case .function: try beginFunction(instruction)
        case .functionParameter: try enterParameter(instruction)
        case .functionEnd: try endFunction(instruction)
        case .label: try beginBlock(instruction)
        default: try enterInBlock(instruction)
        }
    }

    private mutating func beginFunction(_ instruction: Instruction) throws(ModuleError) {
        let typeID = module.id(instruction, 1)
        guard case .function(let result, let parameters) = module.type(typeID) else {
            throw ModuleError(.functionType, "\(typeID)", at: instruction.operands.lowerBound + 1)
        }
        guard let id = instruction.result, instruction.resultType == result else {
            throw ModuleError(.functionType, "another result than its type's", at: instruction.wordOffset + 1)
        }
        let index = module.functions.count
        keep(instruction, .function, row: index)
        module.functions.append(
            Function(
                id: id, type: typeID, resultType: result,
                control: FunctionControl(rawValue: module.words[instruction.operands.lowerBound]),
                wordOffset: instruction.wordOffset))
        function = FunctionState(index: index, parameterTypes: parameters)
    }

    private mutating func enterParameter(_ instruction: Instruction) throws(ModuleError) {
        guard let function, let id = instruction.result, let type = instruction.resultType else { return }
        let place = module.functions[function.index].parameters.count
        guard module.functions[function.index].blocks.isEmpty, !function.isInBlock else {
            throw ModuleError(.functionParameters, "one behind a block", at: instruction.wordOffset)
        }
        guard place < function.parameterTypes.count, function.parameterTypes[place] == type else {
            throw ModuleError(
                .functionParameters, "number \(place) is none of its type's", at: instruction.wordOffset)
        }
        keep(instruction, .parameter, row: function.index, part: place)
        module.functions[function.index].parameters.append(Function.Parameter(id: id, type: type))
    }

    private mutating func beginBlock(_ instruction: Instruction) throws(ModuleError) {
        guard var function, let label = instruction.result else { return }
        guard !function.isInBlock else {
            throw ModuleError(.blockEnd, "OpLabel in a block", at: instruction.wordOffset)
        }
        try checkParameters(function, at: instruction.wordOffset)
        let place = module.functions[function.index].blocks.count
        let index = keep(instruction, .block, row: function.index, part: place)
        module.functions[function.index].blocks.append(
            Block(
                label: label, phis: index + 1..<index + 1, body: index + 1..<index + 1, terminatorIndex: index,
                wordOffset: instruction.wordOffset))
        function.isInBlock = true
        function.isBehindPhis = place == 0
        function.isBehindVariables = place > 0
        self.function = function
    }

    private func checkParameters(_ function: FunctionState, at wordOffset: Int) throws(ModuleError) {
        let count = module.functions[function.index].parameters.count
        guard count == function.parameterTypes.count else {
            throw ModuleError(
                .functionParameters, "\(count) of the \(function.parameterTypes.count) of its type", at: wordOffset)
        }
    }

    private mutating func enterInBlock(_ instruction: Instruction) throws(ModuleError) {
        guard var function else { return }
        let opcode = instruction.opcode
        let offset = instruction.wordOffset
        guard function.isInBlock else { throw ModuleError(.outsideOfBlock, opcode.name, at: offset) }
        let place = module.functions[function.index].blocks.count - 1
        switch opcode {
        case .phi:
            guard !function.isBehindPhis else { throw ModuleError(.phiPlace, "", at: offset) }
        case .variable:
            guard !function.isBehindVariables else { throw ModuleError(.variablePlace, "", at: offset) }
            function.variables += 1
            guard function.variables <= module.limits.functionVariables else {
                throw ModuleError(.tooManyVariables, "at most \(module.limits.functionVariables)", at: offset)
            }
        default:
            function.isBehindPhis = true
            function.isBehindVariables = true
        }
        if module.functions[function.index].blocks[place].merge != nil, !opcode.isTerminator {
            throw ModuleError(.mergePlace, "\(opcode.name) behind it", at: offset)
        }
        let index = keep(instruction, .value, row: function.index, part: place)
        let terminator = terminator(instruction)
        let merge = merge(instruction)
        if opcode == .phi {
            let start = module.functions[function.index].blocks[place].phis.lowerBound
            module.functions[function.index].blocks[place].phis = start..<index + 1
            module.functions[function.index].blocks[place].body = index + 1..<index + 1
        } else if let terminator {
            module.functions[function.index].blocks[place].terminator = terminator
            module.functions[function.index].blocks[place].terminatorIndex = index
        } else if let merge {
            module.functions[function.index].blocks[place].merge = merge
        } else {
            let start = module.functions[function.index].blocks[place].body.lowerBound
            module.functions[function.index].blocks[place].body = start..<index + 1
        }
        if terminator != nil { function.isInBlock = false }
        self.function = function
    }

    private func merge(_ instruction: Instruction) -> Merge? {
        let words = module.operands(instruction)
        let first = words.startIndex
        switch instruction.opcode {
        case .selectionMerge:
            return .selection(
                merge: ID(rawValue: words[first]), control: SelectionControl(rawValue: words[first + 1]))
        case .loopMerge:
            return .loop(
                merge: ID(rawValue: words[first]), continueTarget: ID(rawValue: words[first + 1]),
                control: LoopControl(rawValue: words[first + 2]))
        default: return nil
        }
    }

    private func terminator(_ instruction: Instruction) -> Terminator? {
        func id(_ place: Int) -> ID { module.id(instruction, place) }
        switch instruction.opcode {
        case .branch: return .branch(id(0))
        case .branchConditional: return .conditionalBranch(condition: id(0), ifTrue: id(1), ifFalse: id(2))
        case .switch: return .switch(selector: id(0), default: id(1), cases: cases(instruction))
        case .return: return .return
        case .returnValue: return .returnValue(id(0))
        case .unreachable: return .unreachable
        case .kill: return .kill
        default: return nil
        }
    }

    private func cases(_ instruction: Instruction) -> [Terminator.Case] {
        guard let type = module.type(ofValue: module.id(instruction, 0)), case .int(let width, _) = type,
            let mask = type.numberMask
        else { return [] }
        let words = module.operands(instruction).dropFirst(2)
        let size = width > 32 ? 3 : 2
        return stride(from: words.startIndex, to: words.endIndex, by: size).map { index in
            let low = UInt64(words[index])
            let bits = width > 32 ? low | UInt64(words[index + 1]) << 32 : low
            return Terminator.Case(value: bits & mask, target: ID(rawValue: words[index + size - 1]))
        }
    }

    private mutating func endFunction(_ instruction: Instruction) throws(ModuleError) {
        guard let function else { return }
        let offset = instruction.wordOffset
        guard !function.isInBlock else { throw ModuleError(.blockEnd, "OpFunctionEnd in a block", at: offset) }
        try checkParameters(function, at: offset)
        let blocks = module.functions[function.index].blocks
        if !blocks.isEmpty {
            hasDefinitions = true
        } else if hasDefinitions {
            throw ModuleError(.functionOrder, "", at: module.functions[function.index].wordOffset)
        }
        for (place, block) in blocks.enumerated() {
            var successors: [Int] = []
            var seen: Set<Int> = []
            for target in block.terminator.targets {
                let successor = try branchTarget(target, in: function.index, block)
                if seen.insert(successor).inserted { successors.append(successor) }
            }
            module.functions[function.index].blocks[place].successors = successors
            switch block.merge {
            case .selection(let merge, _): _ = try branchTarget(merge, in: function.index, block)
            case .loop(let merge, let continueTarget, _):
                _ = try branchTarget(merge, in: function.index, block)
                _ = try branchTarget(continueTarget, in: function.index, block)
            case nil: break
            }
        }
        keep(instruction, .other)
        self.function = nil
    }

    /// The block of the function that a label names; control cannot go back to where the function begins.
    private func branchTarget(_ label: ID, in function: Int, _ block: Block) throws(ModuleError) -> Int {
        let definition = module.definition(label)
        let offset = module.instructions[block.terminatorIndex].wordOffset
        guard definition.kind == .block, definition.row == Int32(function) else {
            throw ModuleError(.branchTarget, "\(label) is no block of the function", at: offset)
        }
        guard definition.part != 0 else {
            throw ModuleError(.branchTarget, "\(label) is where the function begins", at: offset)
        }
        return Int(definition.part)
    }
}

extension Terminator {
    /// The labels of all blocks that it may lead to, in the order of its operands, some perhaps more than once.
    public var targets: [ID] {
        switch self {
        case .branch(let target): [target]
        case .conditionalBranch(_, let ifTrue, let ifFalse): [ifTrue, ifFalse]
        case .switch(_, let otherwise, let cases): [otherwise] + cases.map(\.target)
        case .return, .returnValue, .unreachable, .kill: []
        }
    }
}

extension Opcode {
    /// Whether it ends a block.
    var isTerminator: Bool {
        switch self {
        case .branch, .branchConditional, .switch, .return, .returnValue, .unreachable, .kill: true
        default: false
        }
    }
}
