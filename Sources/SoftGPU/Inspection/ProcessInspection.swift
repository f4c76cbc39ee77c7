/// One process of a guest that has `/dev/dxg` open (docs/control.md 4).
public struct ProcessInspection: Codable, Hashable, Sendable {
    /// What CREATEPROCESS gave, in hexadecimal.
    public var handle: String
    /// The process id in the guest.
    public var pid: UInt64
    /// The name in the guest.
    public var name: String
    /// How many objects of each kind it has handles to.
    public var objects: ObjectCounts
    /// Fences that its CPU waits name, for those waits that have not fired.
    public var waiters: Int
    /// Packets in its queues, each counted once for everything that it names.
    public var queuedPackets: Int
    /// One entry for each adapter and memory segment group.
    public var memory: [MemoryInspection]
    public var devices: [DeviceInspection]
}
