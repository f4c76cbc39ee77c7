/// MODIFYCHANNEL: the guest moves a channel's interrupts to another virtual processor (`docs/protocol/vmbus.md 1.3`).
public struct ModifyChannel: Hashable, Sendable, ControlMessagePayload {
    /// The channel.
    public var relid: UInt32
    /// The virtual processor to interrupt; 0xFFFFFFFF asks for no interrupts.
    public var targetVP: UInt32

    /// Makes the message's fields.
    public init(relid: UInt32, targetVP: UInt32) {
        self.relid = relid
        self.targetVP = targetVP
    }

    init() {
        self.init(relid: 0, targetVP: 0)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&targetVP, at: 12)
    }
}
