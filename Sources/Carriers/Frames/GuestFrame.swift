/// A frame that a guest sent, decoded. Bulk data stays where it was received.
public enum GuestFrame: ~Escapable {
    case hello(Hello)
    /// A VMBus control message.
    case message(RawSpan)
    /// A VMBus packet of a channel.
    case packet(RawSpan, relid: UInt32)
    case doorbell(relid: UInt32)
    case configurationRead(ConfigurationAddress, tag: UInt32)
    case configurationWrite(ConfigurationAddress, value: UInt32, tag: UInt32)
    /// The answer to MEMORY_READ: 0 and the bytes, or an error number as a negative status.
    case memoryData(status: Int32, RawSpan, tag: UInt32)
    case memoryDone(status: Int32, tag: UInt32)
    case ioRead(ByteRange, tag: UInt32)
    case ioWrite(offset: UInt64, RawSpan, tag: UInt32)
    case ioWatch(ByteRange, isOn: Bool)
    /// One descriptor per region comes with it.
    case shareMemory([MemoryRegion])
    /// Two descriptors come with it.
    case channelEvents(relid: UInt32)
    case ping(RawSpan, tag: UInt32)
    case pong(RawSpan, tag: UInt32)

    /// Decodes a frame whose header was checked and whose payload has the size that the header says.
    @_lifetime(copy payload)
    public init(_ header: FrameHeader, _ payload: RawSpan) throws(CarrierViolation) {
        switch header.type {
        case .hello:
            self = .hello(try Hello(decoding: payload))
        case .message:
            self = .message(payload)
        case .packet:
            guard payload.byteCount % 8 == 0 else {
                throw .badValue(.packet, field: "length", value: UInt64(payload.byteCount))
            }
            self = .packet(payload, relid: header.relid)
        case .doorbell:
            self = .doorbell(relid: header.relid)
        case .configurationRead:
            self = .configurationRead(try ConfigurationAddress(decoding: payload, .configurationRead), tag: header.tag)
        case .configurationWrite:
            self = .configurationWrite(
                try ConfigurationAddress(decoding: payload, .configurationWrite), value: payload.integer(at: 8),
                tag: header.tag)
        case .memoryData:
            self = .memoryData(
                status: try Self.status(payload, .memoryData), payload.extracting(droppingFirst: 8), tag: header.tag)
        case .memoryDone:
            self = .memoryDone(status: try Self.status(payload, .memoryDone), tag: header.tag)
        case .ioRead:
            self = .ioRead(try ByteRange(decoding: payload, .ioRead), tag: header.tag)
        case .ioWrite:
            let range = try ByteRange(decoding: payload, .ioWrite)
            let bytes = payload.extracting(droppingFirst: 16)
            guard bytes.byteCount == range.length else {
                throw .wrongLength(.ioWrite, bytes: bytes.byteCount, expected: UInt64(range.length))
            }
            self = .ioWrite(offset: range.start, bytes, tag: header.tag)
        case .ioWatch:
            let on: UInt32 = payload.integer(at: 12)
            guard on <= 1 else { throw .badValue(.ioWatch, field: "on", value: UInt64(on)) }
            self = .ioWatch(try ByteRange(decoding: payload, .ioWatch), isOn: on == 1)
        case .shareMemory:
            self = .shareMemory(try MemoryRegion.decode(payload))
        case .channelEvents:
            self = .channelEvents(relid: header.relid)
        case .ping:
            self = .ping(payload, tag: header.tag)
        case .pong:
            self = .pong(payload, tag: header.tag)
        case .welcome, .refused, .configurationValue, .memoryRead, .memoryWrite, .ioData, .ioDone, .ioChanged, .ioSpace:
            throw .wrongDirection(header.type)
        }
    }

    /// 0 or a negative error number.
    private static func status(_ payload: RawSpan, _ type: FrameType) throws(CarrierViolation) -> Int32 {
        let status: Int32 = payload.integer(at: 0)
        guard status <= 0, status > -4096 else {
            throw .badValue(type, field: "status", value: UInt64(UInt32(bitPattern: status)))
        }
        return status
    }
}
