/// INITIATE_CONTACT: the guest proposes a protocol version (`docs/protocol/vmbus.md 1.3`, `1.5`).
public struct InitiateContact: Hashable, Sendable, ControlMessagePayload {
    /// The synthetic interrupt source on which Hyper-V delivers VMBus messages.
    public static let messageInterruptSource: UInt8 = 2

    /// The proposed version.
    public var version: ProtocolVersion
    /// The virtual processor that receives the host's messages; honoured from 3.0.
    public var targetVP: UInt32
    /// The interrupt page before 5.0, and from then on the bytes of `interruptSource` and `trustLevel`.
    public var target: UInt64
    /// Guest physical address of the host-to-guest monitor page, or 0.
    public var parentToChildMonitorPage: UInt64
    /// Guest physical address of the guest-to-host monitor page, or 0.
    public var childToParentMonitorPage: UInt64

    /// Makes the message's fields as Linux sends them, without monitor pages.
    public init(version: ProtocolVersion, targetVP: UInt32 = 0) {
        self.version = version
        self.targetVP = targetVP
        target = version >= .v5_0 ? UInt64(InitiateContact.messageInterruptSource) : 0
        parentToChildMonitorPage = 0
        childToParentMonitorPage = 0
    }

    init() {
        self.init(version: ProtocolVersion(rawValue: 0))
    }

    /// The synthetic interrupt source for the host's messages, from 5.0.
    public var interruptSource: UInt8 { UInt8(truncatingIfNeeded: target) }

    /// The virtual trust level that receives the host's messages, from 5.1.
    public var trustLevel: UInt8 { UInt8(truncatingIfNeeded: target >> 8) }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        var number = version.rawValue
        coder.field(&number, at: 8)
        version = ProtocolVersion(rawValue: number)
        coder.field(&targetVP, at: 12)
        coder.field(&target, at: 16)
        coder.field(&parentToChildMonitorPage, at: 24)
        coder.field(&childToParentMonitorPage, at: 32)
    }
}
