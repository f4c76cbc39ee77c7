/// A channel as the server keeps it.
struct Channel: Hashable, Sendable {
    /// What the device offers.
    var offer: ChannelOffer
    /// Where the channel stands.
    var state = ChannelState.clientReleased
    /// Its number while the guest knows the channel, and until the device has let go after the guest did.
    var relid: UInt32?
    /// What the device was last asked to open, while it may be using the ring.
    var opening: ChannelOpening?
    /// What the guest asked to open while the device still had to close.
    var requested: ChannelOpening?

    init(_ offer: ChannelOffer) {
        self.offer = offer
    }

    /// The ring GPADLs that the channel keeps from being torn down: at most two.
    var heldGPADLs: [UInt32] {
        [opening?.ring?.gpadl, requested?.ring?.gpadl].compactMap(\.self)
    }

    /// Goes to a state and forgets the openings that it has no use for.
    mutating func enter(_ state: ChannelState) {
        self.state = state
        if !state.usesRing {
            opening = nil
        }
        if state != .closingReopen {
            requested = nil
        }
    }
}
