/// OFFERCHANNEL: the host offers a channel (`docs/protocol/vmbus.md 1.4`).
public struct OfferChannel: Hashable, Sendable, ControlMessagePayload {
    /// What is offered.
    public var offer: ChannelOffer
    /// The channel's number from now on, 1 to 2047.
    public var relid: UInt32
    /// The monitor bit, if one is allocated.
    public var monitorID: UInt8
    /// Bit 0: a monitor bit is allocated.
    public var monitorAllocated: UInt8
    /// Bit 0: the channel has its own event flag, as all have from 2.4.
    public var dedicatedInterrupt: UInt16
    /// Where the guest signals for this channel; opaque to it.
    public var connectionID: UInt32

    /// Makes the message's fields for a channel with its own event flag and without a monitor.
    public init(offer: ChannelOffer, relid: UInt32, connectionID: UInt32) {
        self.offer = offer
        self.relid = relid
        monitorID = 0
        monitorAllocated = 0
        dedicatedInterrupt = 1
        self.connectionID = connectionID
    }

    init() {
        self.init(offer: ChannelOffer(interfaceType: .zero, instance: .zero), relid: 0, connectionID: 0)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&offer.key.interfaceType, at: 8)
        coder.field(&offer.key.instance, at: 24)
        coder.field(&offer.flags.rawValue, at: 56)
        coder.field(&offer.mmioMegabytes, at: 58)
        coder.field(&offer.userDefined, at: 60, count: ChannelOffer.userDefinedSize)
        coder.field(&offer.key.subchannelIndex, at: 180)
        coder.field(&offer.mmioMegabytesOptional, at: 182)
        coder.field(&relid, at: 184)
        coder.field(&monitorID, at: 188)
        coder.field(&monitorAllocated, at: 189)
        coder.field(&dedicatedInterrupt, at: 190)
        coder.field(&connectionID, at: 192)
    }
}
