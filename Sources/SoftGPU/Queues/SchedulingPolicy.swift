/// One queue that could run next, as a policy sees it. An address space has at most two: the best of its queues by
/// priority, and the one that has waited longest.
public struct SchedulingCandidate: Sendable {
    public let guest: GuestID
    /// Nanoseconds that this guest has had on the node. A guest that comes anew starts from where the others are.
    public let guestNanoseconds: UInt64
    /// The guest's process, by the handle that CREATEPROCESS gave.
    public let processHandle: UInt32
    /// When the process last got the node, in the order of all starts; 0 for never.
    public let lastTurn: UInt64
    /// -7 to 7.
    public let priority: Int32
    /// -7 to 7, among the queues of one process.
    public let inProcessPriority: Int32
    /// In the order of becoming ready: lower is older.
    public let readySince: UInt64
    /// For how long it has been ready.
    public let waitedNanoseconds: UInt64

    /// A queue with these properties.
    public init(
        guest: GuestID, guestNanoseconds: UInt64, processHandle: UInt32, lastTurn: UInt64, priority: Int32,
        inProcessPriority: Int32, readySince: UInt64, waitedNanoseconds: UInt64
    ) {
        self.guest = guest
        self.guestNanoseconds = guestNanoseconds
        self.processHandle = processHandle
        self.lastTurn = lastTurn
        self.priority = priority
        self.inProcessPriority = inProcessPriority
        self.readySince = readySince
        self.waitedNanoseconds = waitedNanoseconds
    }
}

/// Chooses which queue a node runs next. The one place where fairness is decided: an experiment is another type.
public protocol SchedulingPolicy: Sendable {
    /// The index of the candidate to start; `candidates` is never empty.
    func choose(from candidates: [SchedulingCandidate]) -> Int
}

/// The guest that has had the least of the node comes first; among its queues, one that has waited too long, then
/// priority, then the processes in turn, then age (docs/protocol/semantics.md 6.1 and 7).
public struct FairSharePolicy: SchedulingPolicy {
    /// Nanoseconds after which a queue goes before those of a higher priority.
    public var patienceNanoseconds: UInt64 = 1_000_000_000

    public init() {}

    public func choose(from candidates: [SchedulingCandidate]) -> Int {
        var best = 0
        for index in candidates.indices.dropFirst() where precedes(candidates[index], candidates[best]) { best = index }
        return best
    }

    private func precedes(_ a: SchedulingCandidate, _ b: SchedulingCandidate) -> Bool {
        if a.guest != b.guest && a.guestNanoseconds != b.guestNanoseconds {
            return a.guestNanoseconds < b.guestNanoseconds
        }
        let isStarved = (a.waitedNanoseconds >= patienceNanoseconds, b.waitedNanoseconds >= patienceNanoseconds)
        if isStarved.0 != isStarved.1 { return isStarved.0 }
        if isStarved.0 { return a.readySince < b.readySince }
        if a.priority != b.priority { return a.priority > b.priority }
        if a.guest != b.guest || a.processHandle != b.processHandle {
            return a.lastTurn != b.lastTurn ? a.lastTurn < b.lastTurn : a.readySince < b.readySince
        }
        if a.inProcessPriority != b.inProcessPriority { return a.inProcessPriority > b.inProcessPriority }
        return a.readySince < b.readySince
    }
}
