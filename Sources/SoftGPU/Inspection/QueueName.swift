/// Names a queue of a guest (docs/control.md 5).
public struct QueueName: Codable, Hashable, Sendable {
    /// The process's handle, in hexadecimal.
    public var process: String
    /// The device's handle, in hexadecimal.
    public var device: String
    public var kind: Kind
    /// The handle of the context or hardware queue, in hexadecimal; nil where that has been destroyed.
    public var handle: String?
    /// The node (engine) that runs it.
    public var node: Int

    /// What a queue belongs to.
    public enum Kind: String, Codable, Hashable, Sendable {
        case context
        case hwQueue
        /// The GPU virtual address updates of a context.
        case updates
        case pagingQueue
        /// Of a context or hardware queue that has been destroyed, with work left.
        case draining
    }
}
