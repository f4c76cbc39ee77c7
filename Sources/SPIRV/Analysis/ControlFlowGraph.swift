/// The blocks of a function and where control goes from each to each, by number; block 0 is where it begins.
public struct ControlFlowGraph: Sendable {
    /// Where control may go on from each block, each only once.
    public let successors: [[Int]]
    /// From where control may come to each block, each only once, in rising order.
    public let predecessors: [[Int]]
    /// The blocks that control can reach, each before its successors but for those on a way back.
    public let reversePostorder: [Int]
    /// Each block's place in `reversePostorder`; -1 for those that control cannot reach.
    public let order: [Int]

    /// The graph of a function with blocks.
    public init(_ function: Function) { self.init(successors: function.blocks.map(\.successors)) }

    /// A graph in which block 0 is the first and every number is that of a block.
    public init(successors: [[Int]]) {
        self.successors = successors
        var predecessors = [[Int]](repeating: [], count: successors.count)
        for (block, next) in successors.enumerated() {
            for successor in next { predecessors[successor].append(block) }
        }
        self.predecessors = predecessors
        reversePostorder = successors.isEmpty ? [] : Self.postorder(successors, from: 0).reversed()
        var order = [Int](repeating: -1, count: successors.count)
        for (place, block) in reversePostorder.enumerated() { order[block] = place }
        self.order = order
    }

    /// Whether control can come to a block.
    public func isReachable(_ block: Int) -> Bool { order[block] >= 0 }

    /// Without recursion: a hostile function is as deep as it is long.
    private static func postorder(_ successors: [[Int]], from start: Int) -> [Int] {
        var result: [Int] = []
        var isSeen = [Bool](repeating: false, count: successors.count)
        var stack: [(block: Int, next: Int)] = [(start, 0)]
        isSeen[start] = true
        while let top = stack.last {
            guard top.next < successors[top.block].count else {
                result.append(top.block)
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            let successor = successors[top.block][top.next]
            if !isSeen[successor] {
                isSeen[successor] = true
                stack.append((successor, 0))
            }
        }
        return result
    }
}
