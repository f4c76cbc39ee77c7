/// Handles of a process by kind (docs/control.md 4).
public struct ObjectCounts: Codable, Hashable, Sendable {
    /// On all adapters.
    public var devices = 0
    /// Of all devices.
    public var contexts = 0
    /// Of all contexts.
    public var hwQueues = 0
    /// Of all devices.
    public var pagingQueues = 0
    /// Those of resources included.
    public var allocations = 0
    /// Opened ones included.
    public var resources = 0
    /// The fences of queues included.
    public var syncObjects = 0
}
