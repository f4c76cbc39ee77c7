/// Why a channel cannot be offered.
public enum OfferError: Error, Hashable, Sendable {
    /// A channel with this key is being offered.
    case duplicate(OfferKey)
    /// The guest has as many channels as it may have.
    case tooManyChannels(limit: Int)
    /// A dxg global channel without IO space, which the guest's driver refuses (`docs/protocol/vmbus.md 1.4`).
    case missingIOSpace
}
