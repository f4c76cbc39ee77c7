internal import CLLVM

/// The function of one work-item as blocks that end at branches and at barriers.
struct ItemGraph {
    struct Node {
        var phis: [Phi] = []
        /// All between the phis and the end.
        var body: [IRValue] = []
        var end = End.finish
        var successors: [Int] = []
        var predecessors: [Int] = []
    }

    struct Phi {
        var value: IRValue
        /// By the node that control comes from.
        var incoming: [Int: IRValue] = [:]
    }

    enum End {
        case branch(Int)
        case conditional(IRValue, ifTrue: Int, ifFalse: Int)
        /// All items of the group arrive here before one goes on.
        case barrier(Int)
        /// The item is done.
        case finish
    }

    /// The first is where the item begins.
    private(set) var nodes: [Node] = []
    /// Where each value is made.
    private(set) var origins: [IRValue: Int] = [:]
    /// The nodes after barriers, in order: that of barrier number 1 comes first.
    private(set) var continuations: [Int] = []

    /// - Parameter function: one whose branches have two ways at most and that returns nothing.
    init(_ function: IRValue) {
        let blocks = function.blocks
        var first: [IRBlock: Int] = [:]
        var last: [IRBlock: Int] = [:]
        var phis: [(node: Int, instruction: IRValue)] = []
        for block in blocks {
            first[block] = nodes.count
            nodes.append(Node())
            for instruction in block.instructions {
                let index = nodes.count - 1
                switch instruction.opcode {
                case LLVMPHI: phis.append((index, instruction))
                case LLVMBr, LLVMRet, LLVMUnreachable: continue
                case LLVMCall where instruction.callee.name == ItemCall.barrier:
                    nodes[index].end = .barrier(index + 1)
                    continuations.append(index + 1)
                    nodes.append(Node())
                    continue
                default: nodes[index].body.append(instruction)
                }
                origins[instruction] = index
            }
            last[block] = nodes.count - 1
        }
        for block in blocks {
            guard let node = last[block], let terminator = block.terminator, terminator.opcode == LLVMBr else {
                continue
            }
            let targets = terminator.successors.compactMap { first[$0] }
            nodes[node].end =
                targets.count == 2 && targets[0] != targets[1]
                ? .conditional(terminator.condition, ifTrue: targets[0], ifFalse: targets[1]) : .branch(targets[0])
        }
        for (node, instruction) in phis {
            var phi = Phi(value: instruction)
            for (value, block) in instruction.incoming { phi.incoming[last[block] ?? 0] = value }
            nodes[node].phis.append(phi)
        }
        for index in nodes.indices {
            switch nodes[index].end {
            case .branch(let next), .barrier(let next): nodes[index].successors = [next]
            case .conditional(_, let one, let other): nodes[index].successors = [one, other]
            case .finish: nodes[index].successors = []
            }
            for next in nodes[index].successors { nodes[next].predecessors.append(index) }
        }
    }

    /// All instructions that make or do something, in order, with the node they are in.
    var instructions: [(node: Int, instruction: IRValue)] {
        nodes.indices.flatMap { index in nodes[index].body.map { (index, $0) } }
    }
}

/// The functions by which an item asks what it is and works with others. They are declared only: whoever puts items
/// side by side puts something in their place.
enum ItemCall {
    static let prefix = "item."
    static let barrier = "item.barrier"
    /// The place of the item in its group, of 32 bits: item.local.x and so on.
    static let local = ["item.local.x", "item.local.y", "item.local.z"]
    static let subgroup = "item.subgroup."
}
