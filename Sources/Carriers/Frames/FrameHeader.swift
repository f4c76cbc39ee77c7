/// The first 16 bytes of a frame (docs/protocol/carrier.md, Frame).
public struct FrameHeader: Hashable, Sendable {
    /// The header's own size.
    public static let bytes = 16
    /// The most bytes that may follow it.
    public static let maximumPayloadBytes = 1_048_576

    /// What the payload is.
    public let type: FrameType
    /// How many bytes follow.
    public let payloadBytes: Int
    /// The channel, for frames that belong to one.
    public let relid: UInt32
    /// Pairs a question with its answer.
    public let tag: UInt32

    /// The header of a frame to send.
    public init(_ type: FrameType, payloadBytes: Int, relid: UInt32 = 0, tag: UInt32 = 0) {
        precondition(
            (type.minimumPayloadBytes...type.maximumPayloadBytes).contains(payloadBytes), "\(type) payload size")
        self.type = type
        self.payloadBytes = payloadBytes
        self.relid = relid
        self.tag = tag
    }

    /// Reads the header at the start of the bytes, of which there are at least 16.
    ///
    /// Everything that the header alone tells is checked: the type, that its payload has a size that the type can have,
    /// and that unused fields are zero.
    public init(decoding bytes: RawSpan) throws(CarrierViolation) {
        let length: UInt32 = bytes.integer(at: 0)
        let number: UInt16 = bytes.integer(at: 4)
        let flags: UInt16 = bytes.integer(at: 6)
        relid = bytes.integer(at: 8)
        tag = bytes.integer(at: 12)
        guard let type = FrameType(rawValue: number) else { throw .unknownType(number) }
        self.type = type
        guard length <= UInt32(type.maximumPayloadBytes) else {
            throw .payloadTooLong(type, bytes: length, limit: type.maximumPayloadBytes)
        }
        payloadBytes = Int(length)
        guard payloadBytes >= type.minimumPayloadBytes else {
            throw .payloadTooShort(type, bytes: payloadBytes, needed: UInt64(type.minimumPayloadBytes))
        }
        guard flags == 0 else { throw .badValue(type, field: "flags", value: UInt64(flags)) }
        guard relid == 0 || type.hasRelid else { throw .badValue(type, field: "relid", value: UInt64(relid)) }
        guard tag == 0 || type.hasTag else { throw .badValue(type, field: "tag", value: UInt64(tag)) }
    }

    /// The bytes on the wire.
    public var encoded: [16 of UInt8] {
        var result: [16 of UInt8] = .init(repeating: 0)
        var span = result.mutableSpan
        var bytes = unsafe span.mutableBytes
        write(to: &bytes)
        return result
    }

    /// Writes the header at the start of the bytes, of which there are at least 16.
    func write(to bytes: inout MutableRawSpan) {
        bytes.store(UInt32(payloadBytes), at: 0)
        bytes.store(type.rawValue, at: 4)
        bytes.store(0 as UInt16, at: 6)
        bytes.store(relid, at: 8)
        bytes.store(tag, at: 12)
    }
}
