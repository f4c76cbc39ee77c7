internal import CLLVM

/// The variables of one item that stay in memory, and how those of items side by side lie.
struct PrivateMemory {
    /// Bytes of the pieces of a variable that is only reached in pieces of that size: those of the items side by side
    /// lie side by side, so that they can be loaded as a vector. Others lie whole, one after the other.
    private(set) var granules: [IRValue: Int] = [:]
    /// All variables, in order.
    private(set) var variables: [IRValue] = []
    /// The variable in pieces that a pointer points into.
    private(set) var roots: [IRValue: IRValue] = [:]

    init(_ graph: ItemGraph, _ machine: TargetMachine) {
        for (_, instruction) in graph.instructions where instruction.opcode == LLVMAlloca {
            variables.append(instruction)
            var pointers = [instruction]
            guard let granule = PrivateMemory.granule(&pointers, machine),
                machine.size(instruction.allocatedType) % granule == 0
            else { continue }
            granules[instruction] = granule
            for pointer in pointers { roots[pointer] = instruction }
        }
    }

    /// The size of all accesses over a pointer, and the pointers that come of it; nil if they differ or something else
    /// is done with it.
    private static func granule(_ pointers: inout [IRValue], _ machine: TargetMachine) -> Int? {
        var granule: Int?
        func admits(_ type: IRType) -> Bool {
            for leaf in machine.leaves(type) {
                let size = machine.size(leaf.type)
                guard leaf.type.scalarBits == size * 8, granule ?? size == size, leaf.offset % size == 0 else {
                    return false
                }
                granule = size
            }
            return true
        }
        var next = 0
        var steps: [Int] = []
        while next < pointers.count {
            let pointer = pointers[next]
            next += 1
            for user in pointer.users {
                switch user.opcode {
                case LLVMGetElementPtr:
                    guard user.operand(0) == pointer, !user.type.isVector else { return nil }
                    let step = ElementPointer(user, machine)
                    steps.append(step.constant)
                    steps += step.terms.map(\.scale)
                    pointers.append(user)
                case LLVMLoad:
                    guard user.ordering == LLVMAtomicOrderingNotAtomic, admits(user.type) else { return nil }
                case LLVMStore:
                    guard user.operand(0) != pointer, user.ordering == LLVMAtomicOrderingNotAtomic,
                        admits(user.operand(0).type)
                    else { return nil }
                case LLVMCall where user.callee.name.hasPrefix("llvm.lifetime."): continue
                default: return nil
                }
            }
        }
        guard let granule, steps.allSatisfy({ $0 % granule == 0 }) else { return nil }
        return granule
    }
}
