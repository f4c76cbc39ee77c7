/// OPENCHANNEL: the guest opens an offered channel (`docs/protocol/vmbus.md 1.3`).
public struct OpenChannel: Hashable, Sendable, ControlMessagePayload {
    /// Bytes of `userData`.
    public static let userDataSize = 120

    /// The channel.
    public var relid: UInt32
    /// Chosen by the guest and repeated in the result; Linux uses the relid.
    public var openID: UInt32
    /// The GPADL that holds both rings; 0 asks the stream carrier for packet frames (`docs/protocol/carrier.md,
    /// Order`).
    public var ringGPADL: UInt32
    /// The virtual processor to interrupt; 0xFFFFFFFF asks for no interrupts.
    public var targetVP: UInt32
    /// The page of the GPADL at which the host-to-guest ring begins.
    public var downstreamPageOffset: UInt32
    /// Bytes for the device; shorter ones are filled up with zeros, longer ones are cut.
    public var userData: [UInt8]

    /// Makes the message's fields.
    public init(
        relid: UInt32, openID: UInt32, ringGPADL: UInt32 = 0, targetVP: UInt32 = 0, downstreamPageOffset: UInt32 = 0,
        userData: [UInt8] = []
    ) {
        self.relid = relid
        self.openID = openID
        self.ringGPADL = ringGPADL
        self.targetVP = targetVP
        self.downstreamPageOffset = downstreamPageOffset
        self.userData = userData
    }

    init() {
        self.init(relid: 0, openID: 0)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&openID, at: 12)
        coder.field(&ringGPADL, at: 16)
        coder.field(&targetVP, at: 20)
        coder.field(&downstreamPageOffset, at: 24)
        coder.field(&userData, at: 28, count: OpenChannel.userDataSize)
    }
}
