/// Someone who waits for a synchronization object (docs/control.md 5).
public struct WaiterInspection: Codable, Hashable, Sendable {
    /// The value waited for; 0 where the object is not waited for by value.
    public var target: UInt64
    /// The process's handle, in hexadecimal.
    public var process: String
    /// The guest's event id of a CPU wait.
    public var event: UInt64?
    /// The queue of a Wait packet.
    public var queue: QueueName?
}
