/// The ready queues of one address space on one node. At most one of its queues runs there at a time.
final class ReadyLine {
    /// Best first: by priority, priority in the process, age.
    private var queues: [Queue] = []
    /// Oldest first.
    private var arrivals: [Queue] = []
    var isBusy = false
    /// When it last got the node, in the order of all starts; 0 for never.
    var lastTurn: UInt64 = 0
    /// What the address space has had of the node.
    var use = NodeUse()

    var isEmpty: Bool { queues.isEmpty }

    /// The queues that a policy has to choose from: the best one, and the one that waits longest where it is another.
    var candidates: [Queue] {
        guard let best = queues.first, let oldest = arrivals.first else { return [] }
        return best === oldest ? [best] : [best, oldest]
    }

    func insert(_ queue: Queue) {
        queues.insert(queue, at: Self.place(of: queue, in: queues) { $0.precedes($1) })
        arrivals.insert(queue, at: Self.place(of: queue, in: arrivals) { $0.readySince < $1.readySince })
    }

    func remove(_ queue: Queue) {
        Self.remove(queue, from: &queues) { $0.precedes($1) }
        Self.remove(queue, from: &arrivals) { $0.readySince < $1.readySince }
    }

    private static func remove(_ queue: Queue, from list: inout [Queue], by precedes: (Queue, Queue) -> Bool) {
        let index = place(of: queue, in: list, by: precedes)
        precondition(index < list.count && list[index] === queue, "a queue that is not ready")
        list.remove(at: index)
    }

    private static func place(of queue: Queue, in list: [Queue], by precedes: (Queue, Queue) -> Bool) -> Int {
        var low = 0
        var high = list.count
        while low < high {
            let middle = (low + high) / 2
            if precedes(list[middle], queue) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
