/// GPADL_TORNDOWN: the host no longer touches the memory of a GPADL (`docs/protocol/vmbus.md 1.3`).
public struct GPADLTorndown: Hashable, Sendable, ControlMessagePayload {
    /// The id; no relid travels with it.
    public var gpadl: UInt32

    /// Makes the message's fields.
    public init(gpadl: UInt32) {
        self.gpadl = gpadl
    }

    init() {
        self.init(gpadl: 0)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&gpadl, at: 8)
    }
}
