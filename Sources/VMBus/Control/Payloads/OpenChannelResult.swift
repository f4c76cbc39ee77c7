/// OPENCHANNEL_RESULT: the host's answer to OPENCHANNEL (`docs/protocol/vmbus.md 1.3`).
public struct OpenChannelResult: Hashable, Sendable, ControlMessagePayload {
    /// The channel.
    public var relid: UInt32
    /// The open id of the request.
    public var openID: UInt32
    /// Zero for success.
    public var status: MessageStatus

    /// Makes the message's fields.
    public init(relid: UInt32, openID: UInt32, status: MessageStatus) {
        self.relid = relid
        self.openID = openID
        self.status = status
    }

    init() {
        self.init(relid: 0, openID: 0, status: .success)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&openID, at: 12)
        coder.field(&status.rawValue, at: 16)
    }
}
