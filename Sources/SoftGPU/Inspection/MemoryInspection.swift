/// A process's memory in one segment group of one adapter, in bytes (docs/protocol/semantics.md 12).
public struct MemoryInspection: Codable, Hashable, Sendable {
    /// Index of the virtual GPU.
    public var adapter: Int
    public var group: Group
    /// What QUERYVIDEOMEMORYINFO gives as the budget now.
    public var budget: UInt64
    /// Of allocations that are resident.
    public var resident: UInt64
    /// Of all its allocations, resident or not.
    public var committed: UInt64
    /// What CHANGEVIDEOMEMORYRESERVATION asked for.
    public var reserved: UInt64

    /// D3DKMT_MEMORY_SEGMENT_GROUP.
    public enum Group: String, Codable, Hashable, Sendable {
        case local
        case nonLocal
    }
}
