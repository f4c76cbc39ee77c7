/// What identifies an offered channel, whatever relid it has at the moment (`docs/protocol/vmbus.md 1.5`).
public struct OfferKey: Hashable, Sendable {
    /// What kind of device is behind the channel.
    public var interfaceType: GUID
    /// Which device of that kind.
    public var instance: GUID
    /// 0 for the primary channel of the device.
    public var subchannelIndex: UInt16

    /// Names a channel.
    public init(interfaceType: GUID, instance: GUID, subchannelIndex: UInt16 = 0) {
        self.interfaceType = interfaceType
        self.instance = instance
        self.subchannelIndex = subchannelIndex
    }
}

extension OfferKey: Comparable {
    /// The order in which channels are offered: it keeps relids the same between runs, and a subchannel after its
    /// primary.
    public static func < (left: OfferKey, right: OfferKey) -> Bool {
        (left.interfaceType, left.instance, left.subchannelIndex)
            < (right.interfaceType, right.instance, right.subchannelIndex)
    }
}
