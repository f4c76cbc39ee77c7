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
        /// By the guest's ADAPTERSTOP, until it opens the adapter again.
        case stopped
        /// After too many timeouts, for as long as the guest is connected (docs/protocol/semantics.md 5.2).
        case offline
    }
}
