/// A signal that is queued and has not taken effect (docs/control.md 5).
public struct SignallerInspection: Codable, Hashable, Sendable {
    /// The value that it will give.
    public var value: UInt64
    public var queue: QueueName
    /// Packets of the queue that come before it, the running one included.
    public var packetsAhead: Int
    /// Queues of a broadcast that have not come to it.
    public var queuesLeft: Int
    /// What the queue does now: the reason why the signal has not taken effect.
    public var blockedBy: QueueInspection
}
