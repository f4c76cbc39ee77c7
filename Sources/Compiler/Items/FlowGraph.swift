/// Which node follows which, from one entry to one exit, and what follows from that.
struct FlowGraph {
    let entry: Int
    /// A node of its own behind all ends.
    let exit: Int
    private(set) var successors: [[Int]]
    private(set) var predecessors: [[Int]]
    /// Nodes that can be reached, in an order in which each comes after all that lead to it, but for ways back.
    private(set) var reversePostorder: [Int] = []
    /// Innermost loops last.
    private(set) var loops: [Loop] = []
    /// The index of the innermost loop of a node.
    private(set) var innermost: [Int?]
    /// Whether a loop is entered in its middle.
    private(set) var isIrreducible = false

    struct Loop {
        var header: Int
        var nodes: Set<Int>
        var latches: [Int]
        var parent: Int?
    }

    private var dominator: [Int?]
    private var postdominator: [Int?]

    /// - Parameter successors: of every node but the exit, which is the last; nodes without any lead to the exit.
    init(entry: Int, successors: [[Int]]) {
        self.entry = entry
        exit = successors.count
        self.successors = successors + [[]]
        predecessors = Array(repeating: [], count: successors.count + 1)
        innermost = Array(repeating: nil, count: successors.count + 1)
        dominator = []
        postdominator = []
        reversePostorder = FlowGraph.order(from: entry, self.successors)
        let reachable = Set(reversePostorder)
        for node in reversePostorder where node != exit && self.successors[node].isEmpty {
            self.successors[node] = [exit]
        }
        for node in reversePostorder {
            for next in self.successors[node] where !predecessors[next].contains(node) {
                predecessors[next].append(node)
            }
        }
        reversePostorder = FlowGraph.order(from: entry, self.successors)
        dominator = FlowGraph.dominators(reversePostorder, predecessors)
        findLoops()
        findPostdominators(reachable)
    }

    // MARK: - Questions

    /// Whether every way to a node leads over another.
    func dominates(_ node: Int, _ other: Int) -> Bool { FlowGraph.covers(node, other, dominator) }

    /// The first node that all ways from a node lead over.
    func immediatePostdominator(_ node: Int) -> Int { postdominator[node] ?? exit }

    /// Whether an edge leads back to the head of a loop that it is in.
    func isBackEdge(_ from: Int, _ to: Int) -> Bool { dominates(to, from) }

    /// Indices of the loops that a node is in, the innermost first.
    func loops(around node: Int) -> [Int] {
        var result: [Int] = []
        var next = innermost[node]
        while let loop = next {
            result.append(loop)
            next = loops[loop].parent
        }
        return result
    }

    /// Nodes outside of a loop that it leads to.
    func exits(of loop: Int) -> [Int] {
        var exits: [Int] = []
        for node in loops[loop].nodes.sorted() {
            for next in successors[node] where !loops[loop].nodes.contains(next) && !exits.contains(next) {
                exits.append(next)
            }
        }
        return exits
    }

    /// Nodes that can be reached from a node, itself included, without going through another.
    func reachable(from start: Int, without stop: Int, overBackEdges: Bool) -> Set<Int> {
        guard start != stop else { return [] }
        var found: Set<Int> = [start]
        var waiting = [start]
        while let node = waiting.popLast() {
            for next in successors[node] where next != stop && !found.contains(next) {
                if !overBackEdges && isBackEdge(node, next) { continue }
                found.insert(next)
                waiting.append(next)
            }
        }
        return found
    }

    /// The nodes in an order in which each comes after all that lead to it but for ways back, and in which the nodes of
    /// a loop follow one another.
    func loopOrder() -> [Int] { loopOrder(nil, entry) }

    private func loopOrder(_ loop: Int?, _ header: Int) -> [Int] {
        // A node stands for itself, or for the loop directly in this one that it is in.
        func representative(_ node: Int) -> Int? {
            var inner = innermost[node]
            if inner == loop { return node }
            while let current = inner {
                if loops[current].parent == loop { return loops[current].header }
                inner = loops[current].parent
            }
            return nil
        }
        func members(_ node: Int) -> [Int] {
            guard let inner = innermost[node], inner != loop, loops[inner].header == node else { return [node] }
            return loops[inner].nodes.sorted()
        }
        var next: [Int: [Int]] = [:]
        for node in reversePostorder where loop.map({ loops[$0].nodes.contains(node) }) ?? true {
            guard let from = representative(node) else { continue }
            for target in successors[node] where target != header {
                guard loop.map({ loops[$0].nodes.contains(target) }) ?? true, let to = representative(target),
                    to != from
                else { continue }
                next[from, default: []].append(to)
            }
        }
        var result: [Int] = []
        for node in FlowGraph.order(from: header, { next[$0] ?? [] }) {
            if let inner = innermost[node], inner != loop, loops[inner].header == node, loops[inner].parent == loop {
                result += loopOrder(inner, node)
            } else {
                result.append(node)
            }
        }
        return result
    }

    // MARK: - Construction

    private static func order(from entry: Int, _ successors: [[Int]]) -> [Int] {
        order(from: entry) { successors[$0] }
    }

    private static func order(from entry: Int, _ successors: (Int) -> [Int]) -> [Int] {
        var finished: [Int] = []
        var seen: Set<Int> = [entry]
        var stack = [(node: entry, next: 0)]
        while let (node, next) = stack.last {
            let targets = successors(node)
            if next == targets.count {
                finished.append(node)
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            if seen.insert(targets[next]).inserted { stack.append((targets[next], 0)) }
        }
        return finished.reversed()
    }

    /// By Cooper, Harvey and Kennedy: the closest dominator of each node, by going through the order until nothing
    /// changes.
    private static func dominators(_ order: [Int], _ predecessors: [[Int]]) -> [Int?] {
        var place = [Int](repeating: Int.max, count: predecessors.count)
        for (index, node) in order.enumerated() { place[node] = index }
        var dominator = [Int?](repeating: nil, count: predecessors.count)
        guard let entry = order.first else { return dominator }
        dominator[entry] = entry
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for node in order.dropFirst() {
                var closest: Int?
                for other in predecessors[node] where dominator[other] != nil {
                    guard var one = closest else {
                        closest = other
                        continue
                    }
                    var two = other
                    while one != two {
                        while place[one] > place[two] { one = dominator[one] ?? entry }
                        while place[two] > place[one] { two = dominator[two] ?? entry }
                    }
                    closest = one
                }
                if dominator[node] != closest {
                    dominator[node] = closest
                    hasChanged = true
                }
            }
        }
        dominator[entry] = nil
        return dominator
    }

    private static func covers(_ node: Int, _ other: Int, _ dominator: [Int?]) -> Bool {
        var current: Int? = other
        while let here = current {
            if here == node { return true }
            current = dominator[here]
        }
        return false
    }

    private mutating func findLoops() {
        var place = [Int](repeating: Int.max, count: successors.count)
        for (index, node) in reversePostorder.enumerated() { place[node] = index }
        for header in reversePostorder {
            let latches = predecessors[header].filter { dominates(header, $0) }
            if predecessors[header].contains(where: { place[$0] >= place[header] && !dominates(header, $0) }) {
                isIrreducible = true
            }
            guard !latches.isEmpty else { continue }
            var nodes: Set<Int> = [header]
            var waiting = latches
            while let node = waiting.popLast() {
                if nodes.insert(node).inserted { waiting += predecessors[node] }
            }
            // Loops around this one have been found before.
            let parent = loops.lastIndex { $0.nodes.contains(header) }
            loops.append(Loop(header: header, nodes: nodes, latches: latches, parent: parent))
            for node in nodes { innermost[node] = loops.count - 1 }
        }
    }

    private mutating func findPostdominators(_ reachable: Set<Int>) {
        // Loops without an end lead to the exit as far as this is concerned.
        var next = successors
        while true {
            var before = [[Int]](repeating: [], count: successors.count)
            for node in reversePostorder {
                for target in next[node] { before[target].append(node) }
            }
            let order = FlowGraph.order(from: exit, before)
            let found = Set(order)
            if let endless = reversePostorder.last(where: { !found.contains($0) }) {
                next[endless].append(exit)
                continue
            }
            postdominator = FlowGraph.dominators(order, next)
            return
        }
    }
}
