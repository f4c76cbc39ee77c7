/// What the server's owner does next, in the order of the list.
public enum VMBusAction: Hashable, Sendable {
    /// Send a control message to the guest.
    case send(HostMessage)
    /// A connection is agreed; nothing needs to be done.
    case connected(ProtocolVersion)
    /// Open a channel, then call `channelOpened`. After a successful open, look into the ring once without having been
    /// signalled: the guest may have written before the host listened.
    case open(ChannelOpening)
    /// Stop using a channel and its ring, then call `channelClosed`.
    case close(OfferKey, relid: UInt32)
    /// Interrupt another virtual processor for an open channel; 0xFFFFFFFF means none.
    case modify(OfferKey, relid: UInt32, targetVP: UInt32)
    /// Guest memory was described; ids are unique per connection.
    case gpadlCreated(id: UInt32, relid: UInt32, ranges: [GuestPhysicalRange])
    /// Let go of that memory, before the next action.
    case gpadlTornDown(id: UInt32)
    /// The guest let go of VMBus: all channels are closed, all GPADLs torn down. Release whatever else it owned.
    case reset
    /// The guest did something wrong: log it.
    case protocolError(VMBusProtocolError)
}

/// How the guest opens a channel.
public struct ChannelOpening: Hashable, Sendable {
    /// The rings of a channel in guest memory (`docs/protocol/vmbus.md 1.7`).
    public struct Ring: Hashable, Sendable {
        /// The GPADL that holds both; it stays until the channel has been closed.
        public let gpadl: UInt32
        /// Pages of both rings together.
        public let pageCount: Int
        /// The page at which the host-to-guest ring begins, with its control page.
        public let downstreamPageOffset: Int
    }

    /// What is opened.
    public let key: OfferKey
    /// The channel's number.
    public let relid: UInt32
    /// The virtual processor to interrupt; 0xFFFFFFFF means none.
    public let targetVP: UInt32
    /// The rings, or nil for the stream carrier's packet frames (`docs/protocol/carrier.md, Order`).
    public let ring: Ring?
    /// 120 bytes for the device.
    public let userData: [UInt8]

    let openID: UInt32
}
