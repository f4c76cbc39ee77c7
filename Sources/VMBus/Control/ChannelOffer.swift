/// What a device offers to the guest: the part of OFFERCHANNEL that the device decides (`docs/protocol/vmbus.md 1.4`).
public struct ChannelOffer: Hashable, Sendable {
    /// Bytes of `userDefined`.
    public static let userDefinedSize = 120

    /// The channel flags of an offer.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The bits on the wire.
        public var rawValue: UInt16

        /// Takes any bits.
        public init(rawValue: UInt16) {
            self.rawValue = rawValue
        }

        /// The guest shall expose a device interface.
        public static let enumerateDeviceInterface = Flags(rawValue: 0x1)
        /// In-band packets carry the pipe header.
        public static let namedPipeMode = Flags(rawValue: 0x10)
        /// The two ends are in the same partition.
        public static let loopback = Flags(rawValue: 0x100)
        /// The offer comes from the parent partition.
        public static let parentOffer = Flags(rawValue: 0x200)
        /// The guest signals through the monitor page.
        public static let monitoredNotification = Flags(rawValue: 0x400)
        /// The channel is a hvsock connection.
        public static let hvsock = Flags(rawValue: 0x2000)
    }

    /// What identifies the channel.
    public var key: OfferKey
    /// The channel flags.
    public var flags: Flags
    /// MiB of IO space that the guest sets aside; must not be 0 on the dxg global channel.
    public var mmioMegabytes: UInt16
    /// MiB of IO space that the guest may set aside besides; Linux ignores it.
    public var mmioMegabytesOptional: UInt16
    /// Bytes for the guest's driver; shorter ones are filled up with zeros, longer ones are cut.
    public var userDefined: [UInt8]

    /// Describes an offer.
    public init(
        interfaceType: GUID, instance: GUID, subchannelIndex: UInt16 = 0, flags: Flags = [], mmioMegabytes: UInt16 = 0,
        mmioMegabytesOptional: UInt16 = 0, userDefined: [UInt8] = []
    ) {
        key = OfferKey(interfaceType: interfaceType, instance: instance, subchannelIndex: subchannelIndex)
        self.flags = flags
        self.mmioMegabytes = mmioMegabytes
        self.mmioMegabytesOptional = mmioMegabytesOptional
        self.userDefined = userDefined
    }

    /// The global channel of GPU paravirtualization, one per virtual machine, with the size of its IO space.
    public static func dxgGlobal(instance: GUID, ioSpaceMegabytes: UInt16) -> ChannelOffer {
        precondition(ioSpaceMegabytes > 0, "the guest's driver refuses a global channel without IO space")
        return ChannelOffer(interfaceType: .dxgGlobalChannel, instance: instance, mmioMegabytes: ioSpaceMegabytes)
    }

    /// The channel of one virtual GPU, whose PCI function names the same instance.
    public static func dxgVGPU(instance: GUID) -> ChannelOffer {
        ChannelOffer(interfaceType: .dxgVGPUChannel, instance: instance)
    }
}
