/// A queue with work in it, and what it does now (docs/control.md 5).
public struct QueueInspection: Codable, Hashable, Sendable {
    public var name: QueueName
    /// Packets behind the one that is running.
    public var packets: Int
    public var state: State
    /// The fences that the Wait packet at its head still waits for; empty unless `waiting`.
    public var waitsFor: [PendingTarget]
    /// Milliseconds that its command buffer has been on a worker; nil unless `running`, and for a paging queue.
    public var runningMilliseconds: UInt64?
    /// Milliseconds until it has run too long; nil unless `running` with a timeout.
    public var millisecondsToTimeout: UInt64?
    /// Command buffers that its node runs now; nil unless `ready`.
    public var nodeIsRunning: Int?

    /// What a queue does.
    public enum State: String, Codable, Hashable, Sendable {
        /// Its head is about to be looked at.
        case idle
        /// A Wait packet at the head is not satisfied.
        case waiting
        /// A Submit packet at the head wants its node.
        case ready
        /// A command buffer is on a worker, or a paging operation takes its time.
        case running
    }
}
