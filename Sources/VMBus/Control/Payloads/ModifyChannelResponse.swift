/// MODIFYCHANNEL_RESPONSE: the host's answer to MODIFYCHANNEL, from 5.3 (`docs/protocol/vmbus.md 1.3`).
public struct ModifyChannelResponse: Hashable, Sendable, ControlMessagePayload {
    /// The channel.
    public var relid: UInt32
    /// Zero for success.
    public var status: MessageStatus

    /// Makes the message's fields.
    public init(relid: UInt32, status: MessageStatus) {
        self.relid = relid
        self.status = status
    }

    init() {
        self.init(relid: 0, status: .success)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&status.rawValue, at: 12)
    }
}
