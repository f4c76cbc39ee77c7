/// The kinds of VMBus packets in a ring (`docs/protocol/vmbus.md 1.8`).
public enum PacketType: UInt16, CaseIterable, Hashable, Sendable {
    case synch = 1
    case addTransferPageSet = 2
    case removeTransferPageSet = 3
    case establishGPADL = 4
    case tearDownGPADL = 5
    case inBandData = 6
    case transferPages = 7
    case dataUsingGPADL = 8
    case gpaDirect = 9
    case cancel = 0xa
    case completion = 0xb
    case dataUsingAdditionalPackets = 0xc
    case additionalData = 0xd

    /// Whether a dxg channel carries packets of this kind: data, and answers to them.
    public var isServed: Bool {
        self == .inBandData || self == .completion
    }
}
