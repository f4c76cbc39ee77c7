extension ModuleReader {
    /// Enters what is said of an ID or a member; of a group's targets, what group that is.
    mutating func enterDecoration(_ instruction: Instruction) throws(ModuleError) {
        let words = module.words
        let operands = instruction.operands
        let first = operands.lowerBound
        let end = operands.upperBound
        func id(_ index: Int) -> ID { ID(rawValue: words[index]) }
        switch instruction.opcode {
        case .decorate, .decorateId, .decorateString:
            try add(id(first), nil, words[first + 1], first + 2..<end, at: instruction.wordOffset)
        case .memberDecorate, .memberDecorateString:
            try add(id(first), Int(words[first + 1]), words[first + 2], first + 3..<end, at: instruction.wordOffset)
        case .groupDecorate:
            for index in first + 1..<end {
                use(id(first), target: id(index), member: nil, at: instruction.wordOffset)
            }
        case .groupMemberDecorate:
            for index in stride(from: first + 1, to: end, by: 2) {
                use(id(first), target: id(index), member: Int(words[index + 1]), at: instruction.wordOffset)
            }
        default: break
        }
        keep(instruction, .other)
    }

    /// Applies groups, and sorts.
    mutating func finishDecorations() throws(ModuleError) {
        module.sortDecorations()
        let plain = module
        for use in groupUses {
            guard plain.isDecorationGroup(use.group) else {
                throw ModuleError(.decorationGroup, "\(use.group)", at: use.wordOffset)
            }
            guard !plain.isDecorationGroup(use.target) else {
                throw ModuleError(.decorationGroup, "\(use.target) is one and a target", at: use.wordOffset)
            }
            for decoration in plain.decorations(of: use.group) {
                try add(
                    use.target, use.member, decoration.kind.rawValue, decoration.operands, at: use.wordOffset)
            }
        }
        if !groupUses.isEmpty { module.sortDecorations() }
        for index in module.constants.indices {
            let id = module.constants[index].id
            module.constants[index].specializationID = module.decorationValue(.specId, of: id)
        }
    }

    private mutating func use(_ group: ID, target: ID, member: Int?, at wordOffset: Int) {
        groupUses.append(GroupUse(group: group, target: target, member: member, wordOffset: wordOffset))
    }

    private mutating func add(
        _ target: ID, _ member: Int?, _ kind: UInt32, _ operands: Range<Int>, at wordOffset: Int
    ) throws(ModuleError) {
        guard let kind = DecorationKind(rawValue: kind) else { return }
        guard module.decorations.count < module.limits.decorations else {
            throw ModuleError(.tooManyDecorations, "at most \(module.limits.decorations)", at: wordOffset)
        }
        module.decorations.append(
            Decoration(target: target, member: member, kind: kind, operands: operands, wordOffset: wordOffset))
    }
}

extension Module {
    /// Whether an ID is a group of decorations.
    func isDecorationGroup(_ id: ID) -> Bool {
        let definition = definition(id)
        return definition.kind == .other && instructions[Int(definition.instruction)].opcode == .decorationGroup
    }

    mutating func sortDecorations() {
        decorations.sort { ($0.order.0, $0.order.1, $0.wordOffset) < ($1.order.0, $1.order.1, $1.wordOffset) }
    }
}
