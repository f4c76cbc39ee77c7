/// Where a channel stands between its device and the guest (`docs/protocol/vmbus.md 1.6`).
public enum ChannelState: CaseIterable, Hashable, Sendable {
    /// The device exists; the guest does not know of it and the channel has no relid.
    case clientReleased
    /// Offered.
    case closed
    /// The device has been asked to open.
    case opening
    /// Carries packets.
    case open
    /// The device has been asked to close.
    case closing
    /// As `closing`, and the guest has asked to open again.
    case closingReopen
    /// Rescinded; the relid waits for its release.
    case revoked
    /// As `revoked`, and the device is back.
    case reoffered
    /// The guest has let go of everything; the device has been asked to close.
    case closingClientRelease
    /// The guest has let go of everything; the device has been asked to open.
    case openingClientRelease

    /// Whether the device may be touching the ring of the channel.
    public var usesRing: Bool {
        switch self {
        case .opening, .open, .closing, .closingReopen, .closingClientRelease, .openingClientRelease: true
        case .clientReleased, .closed, .revoked, .reoffered: false
        }
    }

    /// Whether the device owes an answer to an open or close.
    public var awaitsDevice: Bool {
        switch self {
        case .opening, .closing, .closingReopen, .closingClientRelease, .openingClientRelease: true
        case .clientReleased, .closed, .open, .revoked, .reoffered: false
        }
    }
}
