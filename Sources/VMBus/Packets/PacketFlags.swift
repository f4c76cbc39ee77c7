/// The flags of a packet descriptor (`docs/protocol/vmbus.md 1.8`).
public struct PacketFlags: OptionSet, Hashable, Sendable {
    /// The bits on the wire.
    public let rawValue: UInt16

    /// Takes any bits.
    public init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    /// The sender expects a completion with the same transaction id.
    public static let completionRequested = PacketFlags(rawValue: 1)
}
