/// GPADL_CREATED: the host has, or refuses, a GPADL (`docs/protocol/vmbus.md 1.3`).
public struct GPADLCreated: Hashable, Sendable, ControlMessagePayload {
    /// The channel of the header.
    public var relid: UInt32
    /// The id of the header.
    public var gpadl: UInt32
    /// Zero for success.
    public var status: MessageStatus

    /// Makes the message's fields.
    public init(relid: UInt32, gpadl: UInt32, status: MessageStatus) {
        self.relid = relid
        self.gpadl = gpadl
        self.status = status
    }

    init() {
        self.init(relid: 0, gpadl: 0, status: .success)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&gpadl, at: 12)
        coder.field(&status.rawValue, at: 16)
    }
}
