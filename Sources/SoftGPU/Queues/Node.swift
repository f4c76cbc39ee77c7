/// A node (engine) of a physical adapter: the queues that want it, and what runs on it.
final class Node {
    let ordinal: Int
    /// Address spaces with a queue that is ready, in the order of their becoming so.
    private(set) var lines: [ReadyLine] = []
    /// What is on workers, in the order of starting.
    var running: [RunningJob] = []
    /// Whether the model has it on its list of nodes that may have room.
    var isPending = false
    /// Nanoseconds of execution so far, for statistics.
    private(set) var use = NodeUse()

    /// Nanoseconds that each guest has had, for fairness among those that want the node now.
    private var shares: [GuestID: UInt64] = [:]
    /// Queues that are ready or running, per guest.
    private var demand: [GuestID: Int] = [:]
    /// The share of the guest that was chosen last.
    private var floor: UInt64 = 0

    init(ordinal: Int) { self.ordinal = ordinal }

    /// Counts a packet that has been queued or has ended.
    func count(_ kind: NodeUse.Kind, of queue: Queue, hasEnded: Bool) {
        use.count(kind, hasEnded: hasEnded)
        queue.line.use.count(kind, hasEnded: hasEnded)
    }

    /// The queue whose command buffer the node began last, by its position among all.
    private var lastQueue: UInt64?

    /// Counts a command buffer that ended in an error.
    func countFault(of queue: Queue) {
        use.faulted &+= 1
        queue.line.use.faulted &+= 1
    }

    func share(of guest: GuestID) -> UInt64 { shares[guest] ?? 0 }

    /// A queue wants the node.
    ///
    /// A guest that wanted nothing for a while, or is new, starts from where the others are: what it did not use is no
    /// credit against them.
    func enter(_ queue: Queue) {
        let guest = queue.device.process.machine.id
        if demand[guest, default: 0] == 0 { shares[guest] = max(share(of: guest), floor) }
        demand[guest, default: 0] += 1
        if queue.line.isEmpty { lines.append(queue.line) }
        queue.line.insert(queue)
    }

    /// A queue that was ready does not want the node any more, or has got it.
    private func remove(_ queue: Queue) {
        queue.line.remove(queue)
        if queue.line.isEmpty { lines.removeAll { $0 === queue.line } }
    }

    /// A queue that was ready wants nothing any more.
    func leave(_ queue: Queue) {
        remove(queue)
        demand[queue.device.process.machine.id, default: 1] -= 1
    }

    /// A ready queue gets the node. `turn` is higher than that of every start before.
    func start(_ job: RunningJob, turn: UInt64) {
        remove(job.queue)
        running.append(job)
        if lastQueue != job.queue.sequence {
            use.switches &+= 1
            job.queue.line.use.switches &+= 1
            lastQueue = job.queue.sequence
        }
        job.queue.line.isBusy = true
        job.queue.line.lastTurn = turn
        floor = max(floor, share(of: job.device.process.machine.id))
    }

    /// A job has left the node after so long a time.
    func end(_ job: RunningJob, nanoseconds: UInt64) {
        running.removeAll { $0 === job }
        job.queue.line.isBusy = false
        use.nanoseconds &+= nanoseconds
        job.queue.line.use.nanoseconds &+= nanoseconds
        let guest = job.device.process.machine.id
        shares[guest, default: 0] &+= nanoseconds
        demand[guest, default: 1] -= 1
    }

    /// A guest has gone, with all its queues.
    func forget(_ guest: GuestID) {
        shares[guest] = nil
        demand[guest] = nil
    }
}

/// What has been done on a node, for QUERYSTATISTICS.
struct NodeUse {
    enum Kind: Int {
        case render = 0
        case wait = 4
        case signal = 5
    }

    /// Of execution.
    var nanoseconds: UInt64 = 0
    /// Times that the node went to another context or hardware queue.
    var switches: UInt32 = 0
    /// By kind of packet.
    private(set) var submitted: [UInt32] = Array(repeating: 0, count: 8)
    private(set) var completed: [UInt32] = Array(repeating: 0, count: 8)
    /// Command buffers that ended in an error.
    var faulted: UInt32 = 0

    mutating func count(_ kind: Kind, hasEnded: Bool) {
        if hasEnded { completed[kind.rawValue] &+= 1 } else { submitted[kind.rawValue] &+= 1 }
    }
}
