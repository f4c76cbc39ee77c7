/// The descriptor at the beginning of every packet (`docs/protocol/vmbus.md 1.8`).
///
/// A reader of a ring that the guest can rewrite copies the 16 bytes once, decodes the copy, and uses the result.
public struct PacketHeader: Hashable, Sendable {
    /// Bytes of a descriptor.
    public static let size = 16

    /// Bytes that follow a packet in a ring, but not in a frame of the stream carrier.
    public static let trailerSize = 8

    /// Most bytes of a packet that the guest's dxgkrnl can read, descriptor included (`docs/protocol/vmbus.md 1.10`).
    public static let maximumHostPacketSize = 131_072

    /// Most bytes that the 16-bit length can describe.
    public static let maximumPacketSize = Int(UInt16.max) * 8

    /// What the packet is.
    public let type: PacketType
    /// Where the data begins, in bytes from the start of the descriptor; at least 16.
    public let dataOffset: Int
    /// Bytes of descriptor, data and padding, without the trailer; a multiple of 8 and at least `dataOffset`.
    public let length: Int
    /// The flags.
    public let flags: PacketFlags
    /// Chosen by the sender that requests a completion, and repeated in it; otherwise without meaning.
    public let transactionID: UInt64

    /// Reads and checks the descriptor at the start of `bytes`, of a packet that a ring or frame with `available` bytes
    /// holds (without trailer).
    ///
    /// Kinds that dxg channels do not carry are refused, as are undefined flags.
    public init(decoding bytes: RawSpan, available: Int) throws(PacketError) {
        guard bytes.byteCount >= PacketHeader.size else {
            throw .truncated(needed: PacketHeader.size, have: bytes.byteCount)
        }
        let number = bytes.integer(at: 0, as: UInt16.self)
        let dataOffset = Int(bytes.integer(at: 2, as: UInt16.self)) * 8
        let length = Int(bytes.integer(at: 4, as: UInt16.self)) * 8
        let flags = PacketFlags(rawValue: bytes.integer(at: 6))
        guard let type = PacketType(rawValue: number) else { throw .unknownType(number) }
        guard type.isServed else { throw .unsupportedType(type) }
        guard flags.isSubset(of: .completionRequested) else { throw .unknownFlags(flags.rawValue) }
        guard dataOffset >= PacketHeader.size, dataOffset <= length else {
            throw .badDataOffset(offset: dataOffset, length: length)
        }
        guard length <= available else { throw .lengthMismatch(described: length, have: available) }
        self.type = type
        self.dataOffset = dataOffset
        self.length = length
        self.flags = flags
        transactionID = bytes.integer(at: 8)
    }

    /// Whether the sender waits for a completion: only then has the transaction id a meaning besides in completions.
    public var requestsCompletion: Bool {
        type == .inBandData && flags.contains(.completionRequested)
    }
}
