/// GPADL_TEARDOWN: the guest wants its memory back (`docs/protocol/vmbus.md 1.3`).
public struct GPADLTeardown: Hashable, Sendable, ControlMessagePayload {
    /// The channel of the header.
    public var relid: UInt32
    /// The id of the header.
    public var gpadl: UInt32

    /// Makes the message's fields.
    public init(relid: UInt32, gpadl: UInt32) {
        self.relid = relid
        self.gpadl = gpadl
    }

    init() {
        self.init(relid: 0, gpadl: 0)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&gpadl, at: 12)
    }
}
