internal import CLLVM

/// Finds the shapes of an item's values, and where items side by side part and meet again.
struct ShapeAnalysis {
    /// Whom values are compared among.
    enum Extent {
        /// Items next to one another in the first dimension, as many as lanes.
        case lanes
        /// All items of a work-group.
        case group
    }

    /// The most items of a group in a dimension, and how far beyond the last lane may be.
    static let maximumGroupSize: UInt64 = 65_536
    private static let greatestLocal = maximumGroupSize + 64

    let graph: ItemGraph
    let flow: FlowGraph
    private let extent: Extent
    private let width: Int
    private let machine: TargetMachine
    private let memory: PrivateMemory
    private let isInvariantLoad: (IRValue) -> Bool
    private(set) var shapes: [IRValue: Shape] = [:]
    /// Nodes at whose end items may part.
    private(set) var divergent: Set<Int> = []
    /// Nodes at which items that have parted meet, or that those of a loop come to at different times.
    private(set) var joins: Set<Int> = []
    /// Loops that items leave at different times.
    private(set) var divergentLoops: Set<Int> = []

    init(
        _ graph: ItemGraph, _ memory: PrivateMemory, _ machine: TargetMachine, width: Int, extent: Extent,
        isInvariantLoad: @escaping (IRValue) -> Bool
    ) {
        self.graph = graph
        self.memory = memory
        self.machine = machine
        self.width = width
        self.extent = extent
        self.isInvariantLoad = isInvariantLoad
        flow = FlowGraph(entry: 0, successors: graph.nodes.map(\.successors))
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for node in flow.reversePostorder where node != flow.exit {
                for phi in graph.nodes[node].phis { hasChanged = update(phi.value, shape(of: phi, in: node)) || hasChanged }
                for instruction in graph.nodes[node].body {
                    hasChanged = update(instruction, computed(instruction)) || hasChanged
                }
                if case .conditional(let condition, _, _) = graph.nodes[node].end, !divergent.contains(node),
                    shape(of: condition) != .uniform
                {
                    divergent.insert(node)
                    part(at: node)
                    hasChanged = true
                }
            }
        }
    }

    /// The shape of a value; nil as long as nothing is known of it.
    private func known(_ value: IRValue) -> Shape? { value.isInstruction ? shapes[value] : .uniform }

    /// The shape of a value.
    func shape(of value: IRValue) -> Shape { known(value) ?? .uniform }

    private mutating func update(_ value: IRValue, _ new: Shape?) -> Bool {
        guard let new else { return false }
        let joined = shapes[value]?.joined(new) ?? new
        guard joined != shapes[value] else { return false }
        shapes[value] = joined
        return true
    }

    // MARK: - Control

    /// Items part at the end of a node.
    private mutating func part(at node: Int) {
        let meeting = flow.immediatePostdominator(node)
        let successors = flow.successors[node]
        markJoins(of: successors, until: meeting)
        for loop in flow.loops(around: node) where !flow.loops[loop].nodes.contains(meeting) {
            divergentLoops.insert(loop)
            let exits = flow.exits(of: loop)
            markJoins(of: exits, until: meeting)
            joins.formUnion(exits)
        }
    }

    /// Nodes that more than one of these lead to.
    private mutating func markJoins(of starts: [Int], until meeting: Int) {
        var counts: [Int: Int] = [:]
        for start in starts {
            for node in flow.reachable(from: start, without: meeting, overBackEdges: false) { counts[node, default: 0] += 1 }
        }
        joins.formUnion(counts.filter { $0.value > 1 }.map(\.key))
        joins.insert(meeting)
    }

    // MARK: - Values

    private func shape(of phi: ItemGraph.Phi, in node: Int) -> Shape? {
        let values = Set(phi.incoming.values.filter { !$0.isUndefined })
        if joins.contains(node) {
            if values.count > 1 { return .varying }
            // What a loop made that items leave at different times.
            let isFromLoop = values.contains { value in
                guard let origin = graph.origins[value] else { return false }
                return flow.loops(around: origin).contains {
                    divergentLoops.contains($0) && !flow.loops[$0].nodes.contains(node)
                }
            }
            if isFromLoop { return .varying }
        }
        return Shape.joined(values.compactMap(known)) ?? (values.isEmpty ? .uniform : nil)
    }

    private func computed(_ instruction: IRValue) -> Shape? {
        let opcode = instruction.opcode
        switch opcode {
        case LLVMAlloca:
            return extent == .group ? .varying
                : .strided(memory.granules[instruction] ?? machine.size(instruction.allocatedType))
        case LLVMCall: return shapeOfCall(instruction)
        case LLVMLoad:
            guard let address = known(instruction.operand(0)) else { return nil }
            return address == .uniform && (extent == .lanes || isInvariantLoad(instruction)) ? .uniform : .varying
        case LLVMStore, LLVMFence: return .uniform
        case LLVMAtomicRMW, LLVMAtomicCmpXchg: return .varying
        default: break
        }
        let operands = instruction.operands.map(known)
        guard operands.allSatisfy({ $0 != nil }) else { return nil }
        let shapes = operands.compactMap { $0 }
        if shapes.allSatisfy({ $0 == .uniform }) { return .uniform }
        if extent == .group || instruction.type.isVector { return .varying }
        return strided(instruction, shapes)
    }

    private func shapeOfCall(_ call: IRValue) -> Shape? {
        let name = call.callee.name
        if let dimension = ItemCall.local.firstIndex(of: name) {
            return extent == .group ? .varying : dimension == 0 ? .strided(1) : .uniform
        }
        if name.hasPrefix(ItemCall.subgroup) {
            return extent == .group ? .varying : SubgroupCall(name)?.shape ?? .varying
        }
        if name.hasPrefix("llvm.lifetime.") || call.type.isVoid { return .uniform }
        let operands = (0..<call.argumentCount).map { known(call.operand($0)) }
        guard operands.allSatisfy({ $0 != nil }) else { return nil }
        return operands.allSatisfy { $0 == .uniform } ? .uniform : .varying
    }

    /// The shape of what one of few operations makes of values with strides.
    private func strided(_ instruction: IRValue, _ shapes: [Shape]) -> Shape {
        let isConditional = shapes.contains { $0.isConditional && $0.stride != nil }
        func made(_ stride: Int?) -> Shape { .make(stride, isConditional: isConditional) }
        switch instruction.opcode {
        case LLVMAdd: return made(both(shapes, +))
        case LLVMSub: return made(both(shapes, -))
        case LLVMOr where instruction.isDisjoint: return made(both(shapes, +))
        case LLVMMul:
            guard let factor = instruction.operand(1).constantInteger, let stride = shapes[0].stride else {
                return .varying
            }
            return made(Int(truncatingIfNeeded: Int64(stride) &* factor))
        case LLVMShl:
            guard let bits = instruction.operand(1).constantInteger, let stride = shapes[0].stride, bits < 32 else {
                return .varying
            }
            return made(stride << Int(bits))
        case LLVMTrunc:
            guard let stride = shapes[0].stride else { return .varying }
            let unused = 64 - instruction.type.width
            return made((stride << unused) >> unused)
        case LLVMBitCast, LLVMPtrToInt, LLVMIntToPtr, LLVMFreeze:
            return instruction.type.scalarBits == 64 || instruction.opcode == LLVMFreeze ? made(shapes[0].stride) : .varying
        case LLVMSelect:
            guard shapes[0] == .uniform, let stride = shapes[1].stride, stride == shapes[2].stride else {
                return .varying
            }
            return made(stride)
        case LLVMZExt, LLVMSExt: return extended(instruction, shapes[0])
        case LLVMAnd:
            guard let mask = instruction.operand(1).constantInteger, mask > 0, mask & (mask &+ 1) == 0,
                let stride = shapes[0].stride
            else { return .varying }
            let isSafe = bound(instruction.operand(0)) &+ UInt64(stride.magnitude) <= UInt64(mask)
            return .make(stride, isConditional: isConditional || !isSafe)
        case LLVMGetElementPtr: return pointer(instruction)
        default: return .varying
        }
    }

    private func both(_ shapes: [Shape], _ operation: (Int, Int) -> Int) -> Int? {
        guard let first = shapes[0].stride, let second = shapes[1].stride else { return nil }
        return operation(first, second)
    }

    /// A number with more bits has the same stride if no item's wraps around.
    private func extended(_ instruction: IRValue, _ shape: Shape) -> Shape {
        guard let stride = shape.stride, instruction.operand(0).type.width > 1 else { return .varying }
        let bits = instruction.operand(0).type.width - (instruction.opcode == LLVMSExt ? 1 : 0)
        let isSafe = bound(instruction.operand(0)) + UInt64(stride.magnitude) < 1 << UInt64(bits)
        return .make(stride, isConditional: shape.isConditional || !isSafe)
    }

    private func pointer(_ instruction: IRValue) -> Shape {
        let step = ElementPointer(instruction, machine)
        let factor = memory.roots[instruction] == nil ? 1 : width
        guard var stride = shape(of: instruction.operand(0) as IRValue).stride else { return .varying }
        var isConditional = shape(of: instruction.operand(0)).isConditional
        for term in step.terms {
            let shape = shape(of: term.index)
            guard let own = shape.stride, own == 0 || term.index.type.width == 64 else { return .varying }
            stride += own * term.scale * factor
            isConditional = isConditional || shape.isConditional
        }
        return .make(stride, isConditional: isConditional)
    }

    /// The greatest that a number can be, taken without sign.
    private func bound(_ value: IRValue, depth: Int = 0) -> UInt64 {
        guard value.type.isInteger, value.type.width < 64 || depth < 8 else { return .max >> 2 }
        let most = value.type.width >= 62 ? UInt64.max >> 2 : (1 << UInt64(value.type.width)) - 1
        if let number = value.constantInteger {
            let bits = UInt64(bitPattern: number)
            return min(value.type.width >= 64 ? bits : bits & most, .max >> 2)
        }
        guard value.isInstruction, depth < 8 else { return most }
        func operand(_ index: Int) -> UInt64 { bound(value.operand(index), depth: depth + 1) }
        switch value.opcode {
        case LLVMCall where ItemCall.local.contains(value.callee.name): return ShapeAnalysis.greatestLocal
        case LLVMZExt: return operand(0)
        case LLVMTrunc: return min(operand(0), most)
        case LLVMAdd:
            let sum = operand(0) + operand(1)
            return sum <= most ? sum : most
        case LLVMMul:
            let (product, overflow) = operand(0).multipliedReportingOverflow(by: operand(1))
            return overflow || product > most ? most : product
        case LLVMAnd: return min(operand(0), operand(1))
        case LLVMLShr, LLVMUDiv: return operand(0)
        case LLVMURem: return min(operand(0), max(operand(1), 1) - 1)
        case LLVMSelect: return max(operand(1), operand(2))
        default: return most
        }
    }
}
