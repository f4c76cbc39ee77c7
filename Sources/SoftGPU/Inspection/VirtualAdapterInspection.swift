/// One virtual GPU of a guest (docs/control.md 4).
public struct VirtualAdapterInspection: Codable, Hashable, Sendable {
    /// Its place among the guest's virtual GPUs.
    public var index: Int
    /// The physical adapter's name, as a guest's user sees it.
    public var name: String
    public var state: State
    /// Packets that ran into the timeout so far.
    public var timeouts: UInt32

    /// Whether it can be used.
    public enum State: String, Codable, Hashable, Sendable {
        /// The guest has not opened it.
        case closed
        case open
        /// Taken offline (docs/protocol/semantics.md 5.1).
        case stopped
    }
}
