import Testing

@testable import SPIRV

@Suite("Control flow graphs")
struct DominatorTests {
    /// A graph of a seed: some of few blocks, some with blocks that control cannot reach or cannot leave.
    static func graph(_ seed: UInt64) -> ControlFlowGraph {
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let count = 1 + next(14)
        return ControlFlowGraph(
            successors: (0..<count).map { _ in
                guard count > 1 else { return [] }
                return Array(Set((0..<next(4)).map { _ in 1 + next(count - 1) })).sorted()
            })
    }

    /// All that can be reached from some blocks without going through one.
    private static func reached(_ edges: [[Int]], from starts: [Int], without: Int?) -> Set<Int> {
        var found: Set<Int> = []
        var rest = starts.filter { $0 != without }
        while let block = rest.popLast() {
            if found.insert(block).inserted { rest += edges[block].filter { $0 != without } }
        }
        return found
    }

    @Test("A block dominates another if without it there is no way there", arguments: 0..<400)
    func dominators(_ seed: Int) {
        let graph = Self.graph(UInt64(seed))
        let tree = DominatorTree(dominatorsOf: graph)
        let all = Self.reached(graph.successors, from: [0], without: nil)
        #expect(Set(graph.reversePostorder) == all && graph.reversePostorder.first == 0)
        for block in graph.successors.indices {
            let rest = Self.reached(graph.successors, from: [0], without: block)
            #expect(tree.contains(block) == all.contains(block))
            for other in graph.successors.indices {
                let wanted = all.contains(block) && all.contains(other) && !rest.contains(other)
                #expect(tree.dominates(block, other) == wanted, "\(block) \(other) of \(graph.successors)")
            }
            let strict = all.filter { $0 != block && tree.dominates($0, block) }
            let nearest = strict.first { candidate in strict.allSatisfy { tree.dominates($0, candidate) } }
            #expect(tree.parent[block] == (all.contains(block) ? nearest : nil))
        }
    }

    @Test("A block postdominates another if without it there is no way to an end", arguments: 0..<400)
    func postDominators(_ seed: Int) {
        let graph = Self.graph(UInt64(seed))
        let tree = DominatorTree(postDominatorsOf: graph)
        let reachable = Set(graph.reversePostorder)
        let ends = graph.reversePostorder.filter { graph.successors[$0].isEmpty }
        let back = graph.predecessors.map { $0.filter { reachable.contains($0) } }
        let all = Self.reached(back, from: ends, without: nil)
        for block in graph.successors.indices {
            let rest = Self.reached(back, from: ends, without: block)
            for other in graph.successors.indices {
                let wanted = all.contains(block) && all.contains(other) && !rest.contains(other)
                #expect(tree.dominates(block, other) == wanted, "\(block) \(other) of \(graph.successors)")
            }
        }
    }

    @Test("A very long function does not exhaust the stack, nor take time beyond its length")
    func long() {
        let count = 200_000
        // A ladder: every block leads to the next, and back to its half.
        let graph = ControlFlowGraph(
            successors: (0..<count).map { $0 + 1 < count ? [$0 + 1] + ($0 > 4 ? [$0 / 2] : []) : [] })
        let tree = DominatorTree(dominatorsOf: graph)
        #expect(tree.parent[count - 1] == count - 2 && tree.dominates(0, count - 1))
        #expect(DominatorTree(postDominatorsOf: graph).dominates(count - 1, 0))
    }
}
