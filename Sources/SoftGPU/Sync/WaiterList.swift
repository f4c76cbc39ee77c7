/// Someone who waits for a synchronization object, and for which place of their list.
struct SyncWaiter {
    let waiter: Waiter
    let index: Int

    enum Waiter {
        case cpu(CPUWait)
        case queue(QueueWait)
    }

    var isDone: Bool {
        switch waiter {
        case .cpu(let wait): wait.isDone
        case .queue(let wait): wait.isDone
        }
    }
}

/// Who waits for one object: a heap by the value waited for, so that a signal touches those it satisfies and no others.
///
/// A wait that ended otherwise leaves its entry behind until half of the entries are such; then they are all removed.
struct WaiterList {
    private struct Entry {
        let target: UInt64
        let arrival: UInt64
        let waiter: SyncWaiter

        func precedes(_ other: Entry) -> Bool {
            target != other.target ? target < other.target : arrival < other.arrival
        }
    }

    private var heap: [Entry] = []
    private var arrivals: UInt64 = 0
    private var done = 0

    var isEmpty: Bool { heap.isEmpty }
    /// Entries, those of waits that have ended included.
    var count: Int { heap.count }

    /// Those who still wait, with the value each waits for, in the order of their arrival.
    var waiting: [(waiter: SyncWaiter, target: UInt64)] {
        heap.filter { !$0.waiter.isDone }.sorted { $0.arrival < $1.arrival }.map { ($0.waiter, $0.target) }
    }

    /// Adds a waiter. Where an object is not waited for by value, the target is 0 and the order is that of arrival.
    mutating func append(_ waiter: SyncWaiter, target: UInt64) {
        arrivals += 1
        heap.append(Entry(target: target, arrival: arrivals, waiter: waiter))
        siftUp(heap.count - 1)
    }

    /// Removes everyone who waits for `value` or less, and gives those still waiting in the order of their arrival.
    mutating func takeSatisfied(by value: UInt64) -> [SyncWaiter] {
        var taken: [Entry] = []
        while let first = heap.first, first.target <= value {
            removeFirst()
            if first.waiter.isDone { done -= 1 } else { taken.append(first) }
        }
        taken.sort { $0.arrival < $1.arrival }
        return taken.map(\.waiter)
    }

    /// Removes the one who is first, if there is one.
    mutating func takeFirst() -> SyncWaiter? {
        while let first = heap.first {
            removeFirst()
            guard first.waiter.isDone else { return first.waiter }
            done -= 1
        }
        return nil
    }

    /// Whether someone still waits.
    mutating func hasWaiter() -> Bool {
        while let first = heap.first, first.waiter.isDone {
            removeFirst()
            done -= 1
        }
        return !heap.isEmpty
    }

    /// One entry's wait has ended without the entry being taken.
    mutating func noteEnd() {
        done += 1
        guard done > 16, done * 2 > heap.count else { return }
        heap.removeAll { $0.waiter.isDone }
        done = 0
        heap.sort { $0.precedes($1) }
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].precedes(heap[least]) { least = child }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(parent, child)
            child = parent
        }
    }
}
