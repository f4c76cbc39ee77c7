internal import CLLVM

/// What a getelementptr adds to its pointer: bytes, and numbers times bytes.
struct ElementPointer {
    var constant = 0
    var terms: [(index: IRValue, scale: Int)] = []

    init(_ instruction: IRValue, _ machine: TargetMachine) {
        var type = instruction.sourceElementType
        for (place, index) in instruction.operands.dropFirst().enumerated() {
            var scale = 0
            if place == 0 {
                scale = machine.size(type)
            } else if type.isStructure {
                let member = Int(index.constantInteger ?? 0)
                constant += machine.offset(type, member)
                type = type.member(member)
                continue
            } else {
                type = type.element
                scale = machine.size(type)
            }
            if let number = index.constantInteger {
                constant += Int(number) * scale
            } else {
                terms.append((index, scale))
            }
        }
    }
}
