/// One device of a process (docs/control.md 4).
public struct DeviceInspection: Codable, Hashable, Sendable {
    /// In hexadecimal.
    public var handle: String
    /// Index of the virtual GPU.
    public var adapter: Int
    /// Execution state, by the name that GETDEVICESTATE's value has (docs/protocol/semantics.md 4).
    public var state: String
    /// Queues with work, the one of a context or hardware queue that is going away included.
    public var queues: [QueueInspection]
}
