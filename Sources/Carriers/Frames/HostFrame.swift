/// A frame that a host sent, decoded: the guest's side of the connection. Bulk data stays where it was received.
public enum HostFrame: ~Escapable {
    case welcome(Welcome)
    /// The last frame before the host closes.
    case refused(RefusalCode, text: String)
    /// A VMBus control message.
    case message(RawSpan)
    /// A VMBus packet of a channel.
    case packet(RawSpan, relid: UInt32)
    case doorbell(relid: UInt32)
    case configurationValue(UInt32, tag: UInt32)
    case memoryRead(ByteRange, tag: UInt32)
    case memoryWrite(address: UInt64, RawSpan, tag: UInt32)
    /// The answer to IO_READ: 0 and the bytes, or an error number as a negative status.
    case ioData(status: Int32, RawSpan, tag: UInt32)
    case ioDone(status: Int32, tag: UInt32)
    case ioChanged(offset: UInt64, RawSpan)
    /// One descriptor comes with it.
    case ioSpace(bytes: UInt64)
    case ping(RawSpan, tag: UInt32)
    case pong(RawSpan, tag: UInt32)

    /// Decodes a frame whose header was checked and whose payload has the size that the header says.
    @_lifetime(copy payload)
    public init(_ header: FrameHeader, _ payload: RawSpan) throws(CarrierViolation) {
        switch header.type {
        case .welcome:
            self = .welcome(try Welcome(decoding: payload))
        case .refused:
            let count: UInt32 = payload.integer(at: 4)
            guard UInt64(payload.byteCount) >= 8 + UInt64(count) else {
                throw .payloadTooShort(.refused, bytes: payload.byteCount, needed: 8 + UInt64(count))
            }
            let text = payload.extracting(8..<8 + Int(count)).array()
            self = .refused(
                RefusalCode(rawValue: payload.integer(at: 0)), text: String(decoding: text, as: UTF8.self))
        case .message:
            self = .message(payload)
        case .packet:
            guard payload.byteCount % 8 == 0 else {
                throw .badValue(.packet, field: "length", value: UInt64(payload.byteCount))
            }
            self = .packet(payload, relid: header.relid)
        case .doorbell:
            self = .doorbell(relid: header.relid)
        case .configurationValue:
            self = .configurationValue(payload.integer(at: 0), tag: header.tag)
        case .memoryRead:
            self = .memoryRead(try ByteRange(decoding: payload, .memoryRead), tag: header.tag)
        case .memoryWrite:
            let range = try ByteRange(decoding: payload, .memoryWrite)
            let bytes = payload.extracting(droppingFirst: 16)
            guard bytes.byteCount == range.length else {
                throw .wrongLength(.memoryWrite, bytes: bytes.byteCount, expected: UInt64(range.length))
            }
            self = .memoryWrite(address: range.start, bytes, tag: header.tag)
        case .ioData:
            self = .ioData(status: payload.integer(at: 0), payload.extracting(droppingFirst: 8), tag: header.tag)
        case .ioDone:
            self = .ioDone(status: payload.integer(at: 0), tag: header.tag)
        case .ioChanged:
            self = .ioChanged(offset: payload.integer(at: 0), payload.extracting(droppingFirst: 8))
        case .ioSpace:
            self = .ioSpace(bytes: payload.integer(at: 0))
        case .ping:
            self = .ping(payload, tag: header.tag)
        case .pong:
            self = .pong(payload, tag: header.tag)
        case .hello, .configurationRead, .configurationWrite, .memoryData, .memoryDone, .ioRead, .ioWrite, .ioWatch,
            .shareMemory, .channelEvents:
            throw .wrongDirection(header.type)
        }
    }
}
