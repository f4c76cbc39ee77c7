/// Which blocks every way to a block goes through, or every way from it: a tree, in which a block's parent is the
/// nearest.
public struct DominatorTree: Sendable {
    /// The nearest other block through which every way goes; nothing of the root, and of blocks outside of the tree.
    public let parent: [Int?]
    /// When a walk of the tree comes to each block, and when it leaves: -1 for those outside of the tree.
    private let enter: [Int]
    private let leave: [Int]

    /// Through which blocks every way from a block to an end of the function goes. The tree has one more block, the
    /// last, to which all ends lead; blocks from which control reaches no end are outside of the tree.
    public init(postDominatorsOf graph: ControlFlowGraph) {
        let ends = graph.reversePostorder.filter { graph.successors[$0].isEmpty }
        let turned = [ends] + graph.predecessors.map { $0.filter(graph.isReachable) }
        // The exit is where the graph turned round begins, so it is block 0 there and each other block one higher.
        let tree = Self(dominatorsOf: ControlFlowGraph(successors: turned.map { $0.map { $0 + 1 } }))
        let exit = graph.successors.count
        parent = Self.rotated(tree.parent).map { $0.map { $0 == 0 ? exit : $0 - 1 } }
        enter = Self.rotated(tree.enter)
        leave = Self.rotated(tree.leave)
    }

    /// The first row last.
    private static func rotated<Row>(_ rows: [Row]) -> [Row] { Array(rows.dropFirst() + rows.prefix(1)) }

    /// Through which blocks every way from block 0 to a block goes.
    public init(dominatorsOf graph: ControlFlowGraph) {
        let (parent, preorder) = Self.parents(graph)
        let count = graph.successors.count
        var children = [[Int]](repeating: [], count: count)
        for block in preorder.dropFirst() { children[parent[block]].append(block) }
        var enter = [Int](repeating: -1, count: count)
        var leave = enter
        var clock = 0
        var stack: [(block: Int, next: Int)] = []
        if let root = preorder.first {
            stack.append((root, 0))
            enter[root] = 0
        }
        while let top = stack.last {
            guard top.next < children[top.block].count else {
                leave[top.block] = clock
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            clock += 1
            let child = children[top.block][top.next]
            enter[child] = clock
            stack.append((child, 0))
        }
        self.enter = enter
        self.leave = leave
        self.parent = parent.map { $0 < 0 ? nil : $0 }
    }

    /// Whether every way goes through a block, which is so of the block itself; false of blocks outside of the tree.
    public func dominates(_ block: Int, _ other: Int) -> Bool {
        enter[block] >= 0 && enter[other] >= enter[block] && enter[other] <= leave[block]
    }

    /// Whether the tree has the block.
    public func contains(_ block: Int) -> Bool { enter[block] >= 0 }

    /// Each block's parent, -1 of those without, and the blocks in the order of a depth-first walk.
    ///
    /// Lengauer's and Tarjan's algorithm with compressed paths: n log n, which the simpler ones are not for hostile
    /// graphs.
    private static func parents(_ graph: ControlFlowGraph) -> (parent: [Int], preorder: [Int]) {
        let (successors, predecessors) = (graph.successors, graph.predecessors)
        let count = successors.count
        guard count > 0 else { return ([], []) }
        var number = [Int](repeating: -1, count: count)
        var vertex: [Int] = []
        var treeParent = [Int](repeating: -1, count: count)
        var stack: [(block: Int, next: Int)] = [(0, 0)]
        number[0] = 0
        vertex.append(0)
        while let top = stack.last {
            guard top.next < successors[top.block].count else {
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            let successor = successors[top.block][top.next]
            guard number[successor] < 0 else { continue }
            number[successor] = vertex.count
            vertex.append(successor)
            treeParent[successor] = top.block
            stack.append((successor, 0))
        }
        var forest = SemidominatorForest(number: number)
        var immediate = [Int](repeating: -1, count: count)
        var bucket = [[Int]](repeating: [], count: count)
        for block in vertex.dropFirst().reversed() {
            for predecessor in predecessors[block] where number[predecessor] >= 0 {
                let candidate = forest.semi[forest.evaluate(predecessor)]
                forest.semi[block] = min(forest.semi[block], candidate)
            }
            bucket[vertex[forest.semi[block]]].append(block)
            let parent = treeParent[block]
            forest.link(block, to: parent)
            for member in bucket[parent] {
                let lowest = forest.evaluate(member)
                immediate[member] = forest.semi[lowest] < forest.semi[member] ? lowest : parent
            }
            bucket[parent] = []
        }
        for block in vertex.dropFirst() where immediate[block] != vertex[forest.semi[block]] {
            immediate[block] = immediate[immediate[block]]
        }
        return (immediate, vertex)
    }
}

/// The part of the depth-first tree that was looked at, with paths that shrink as they are walked.
private struct SemidominatorForest {
    /// The number of each block's semidominator, as far as is known.
    var semi: [Int]
    private var ancestor: [Int]
    private var label: [Int]

    init(number: [Int]) {
        semi = number
        ancestor = [Int](repeating: -1, count: number.count)
        label = Array(number.indices)
    }

    mutating func link(_ block: Int, to parent: Int) { ancestor[block] = parent }

    /// The block with the lowest semidominator between a block and the root of its tree, the root left out.
    mutating func evaluate(_ block: Int) -> Int {
        guard ancestor[block] >= 0 else { return label[block] }
        var path: [Int] = []
        var current = block
        while ancestor[ancestor[current]] >= 0 {
            path.append(current)
            current = ancestor[current]
        }
        for member in path.reversed() {
            let above = ancestor[member]
            if semi[label[above]] < semi[label[member]] { label[member] = label[above] }
            ancestor[member] = ancestor[above]
        }
        return label[block]
    }
}
