/// A guest physical address descriptor list as the server keeps it: the page numbers are with the owner.
struct GPADL: Hashable, Sendable {
    /// How far it has come (`docs/protocol/vmbus.md 1.6`).
    enum State: Hashable, Sendable {
        /// Bodies are still missing.
        case inProgress
        /// GPADL_CREATED was sent.
        case created
        /// The guest asked for a teardown while a channel has its ring in it.
        case tearingDown
    }

    /// The channel on which it was made.
    let relid: UInt32
    /// Pages of all ranges together.
    let pageCount: Int
    /// How far it has come.
    var state = State.inProgress
    /// Whether the owner was told; not so if it was made on a revoked channel.
    var isKnownToOwner = false
    /// Whether it is one range of whole pages, as a ring must be.
    var isWholePages = false
}
