/// A node (engine) of a physical adapter: the queues that want it, and what runs on it.
final class Node {
    let ordinal: Int
    /// Queues with a Submit packet at their head.
    var ready: [Queue] = []
    /// What is on workers, in the order of starting.
    var running: [RunningJob] = []
    /// Nanoseconds of execution so far, for statistics.
    var runningNanoseconds: UInt64 = 0

    init(ordinal: Int) { self.ordinal = ordinal }
}

/// One queue that could run next, as a policy sees it.
public struct SchedulingCandidate: Sendable {
    public let guest: GuestID
    /// Nanoseconds that this guest has had on the node so far.
    public let guestNanoseconds: UInt64
    public let processHandle: UInt32
    /// -7 to 7.
    public let priority: Int32
    public let inProcessPriority: Int32
    /// Lower is older.
    public let readySince: UInt64
}

/// Chooses which queue a node runs next. The one place where fairness is decided: an experiment is another type.
public protocol SchedulingPolicy: Sendable {
    /// The index of the candidate to start; `candidates` is never empty.
    func choose(from candidates: [SchedulingCandidate]) -> Int
}

/// The guest that has had the least of the node comes first, then priority, then age.
public struct FairSharePolicy: SchedulingPolicy {
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
        if a.priority != b.priority { return a.priority > b.priority }
        if a.processHandle == b.processHandle && a.inProcessPriority != b.inProcessPriority {
            return a.inProcessPriority > b.inProcessPriority
        }
        return a.readySince < b.readySince
    }
}
