internal import VMBus

/// A frame to send: its header with the fixed fields, and the bulk data as it was given.
public struct Frame: Hashable, Sendable {
    /// Header and fixed fields.
    public let head: [UInt8]
    /// What follows them.
    public let body: [UInt8]

    /// The whole frame in one piece.
    public var bytes: [UInt8] { head + body }

    private init(
        _ type: FrameType, fixedBytes: Int = 0, body: [UInt8] = [], relid: UInt32 = 0, tag: UInt32 = 0,
        fill: (inout FrameFields) -> Void = { _ in }
    ) {
        let header = FrameHeader(type, payloadBytes: fixedBytes + body.count, relid: relid, tag: tag)
        var fields = FrameFields(header, bytes: fixedBytes)
        fill(&fields)
        head = fields.head
        self.body = body
    }

    /// HELLO. Name and token are cut off at 65 535 bytes.
    public static func hello(_ hello: Hello) -> Frame {
        let name = Array(hello.name.utf8.prefix(Int(UInt16.max)))
        let token = Array(hello.token.prefix(Int(UInt16.max)))
        return Frame(.hello, fixedBytes: 36, body: name + token) {
            $0.store(Hello.magic, at: 0)
            $0.store(hello.major, at: 4)
            $0.store(hello.minor, at: 6)
            $0.store(hello.wantedFeatures.rawValue, at: 8)
            $0.store(hello.guestID, at: 16)
            $0.store(UInt16(name.count), at: 32)
            $0.store(UInt16(token.count), at: 34)
        }
    }

    /// WELCOME.
    public static func welcome(_ welcome: Welcome) -> Frame {
        Frame(.welcome, fixedBytes: 48) {
            $0.store(Hello.magic, at: 0)
            $0.store(welcome.major, at: 4)
            $0.store(welcome.minor, at: 6)
            $0.store(welcome.grantedFeatures.rawValue, at: 8)
            $0.store(welcome.guestID, at: 16)
            $0.store(welcome.ioSpaceBytes, at: 32)
            $0.store(welcome.functionCount, at: 40)
        }
    }

    /// REFUSED.
    public static func refused(_ code: RefusalCode, text: String) -> Frame {
        let text = Array(text.utf8.prefix(4096))
        return Frame(.refused, fixedBytes: 8, body: text) {
            $0.store(code.rawValue, at: 0)
            $0.store(UInt32(text.count), at: 4)
        }
    }

    /// MESSAGE: a VMBus control message of 8 to 240 bytes.
    public static func message(_ bytes: [UInt8]) -> Frame { Frame(.message, body: bytes) }

    /// PACKET: a VMBus packet of 16 bytes or more, a multiple of 8.
    public static func packet(_ bytes: [UInt8], relid: UInt32) -> Frame { Frame(.packet, body: bytes, relid: relid) }

    /// DOORBELL.
    public static func doorbell(relid: UInt32) -> Frame { Frame(.doorbell, relid: relid) }

    /// CONFIG_READ.
    public static func configurationRead(_ address: ConfigurationAddress, tag: UInt32) -> Frame {
        Frame(.configurationRead, fixedBytes: 8, tag: tag) { $0.store(address) }
    }

    /// CONFIG_VALUE.
    public static func configurationValue(_ value: UInt32, tag: UInt32) -> Frame {
        Frame(.configurationValue, fixedBytes: 4, tag: tag) { $0.store(value, at: 0) }
    }

    /// CONFIG_WRITE.
    public static func configurationWrite(_ address: ConfigurationAddress, value: UInt32, tag: UInt32) -> Frame {
        Frame(.configurationWrite, fixedBytes: 12, tag: tag) {
            $0.store(address)
            $0.store(value, at: 8)
        }
    }

    /// MEMORY_READ.
    public static func memoryRead(_ range: ByteRange, tag: UInt32) -> Frame {
        Frame(.memoryRead, fixedBytes: 16, tag: tag) { $0.store(range) }
    }

    /// MEMORY_DATA: status 0 with the bytes, or a negative error number without any.
    public static func memoryData(status: Int32, _ bytes: [UInt8], tag: UInt32) -> Frame {
        Frame(.memoryData, fixedBytes: 8, body: bytes, tag: tag) { $0.store(status, at: 0) }
    }

    /// MEMORY_WRITE.
    public static func memoryWrite(address: UInt64, _ bytes: [UInt8], tag: UInt32) -> Frame {
        Frame(.memoryWrite, fixedBytes: 16, body: bytes, tag: tag) {
            $0.store(ByteRange(start: address, length: UInt32(bytes.count)))
        }
    }

    /// MEMORY_DONE.
    public static func memoryDone(status: Int32, tag: UInt32) -> Frame {
        Frame(.memoryDone, fixedBytes: 4, tag: tag) { $0.store(status, at: 0) }
    }

    /// IO_READ.
    public static func ioRead(_ range: ByteRange, tag: UInt32) -> Frame {
        Frame(.ioRead, fixedBytes: 16, tag: tag) { $0.store(range) }
    }

    /// IO_DATA: status 0 with the bytes, or a negative error number without any.
    public static func ioData(status: Int32, _ bytes: [UInt8], tag: UInt32) -> Frame {
        Frame(.ioData, fixedBytes: 8, body: bytes, tag: tag) { $0.store(status, at: 0) }
    }

    /// IO_WRITE.
    public static func ioWrite(offset: UInt64, _ bytes: [UInt8], tag: UInt32) -> Frame {
        Frame(.ioWrite, fixedBytes: 16, body: bytes, tag: tag) {
            $0.store(ByteRange(start: offset, length: UInt32(bytes.count)))
        }
    }

    /// IO_DONE.
    public static func ioDone(status: Int32, tag: UInt32) -> Frame {
        Frame(.ioDone, fixedBytes: 4, tag: tag) { $0.store(status, at: 0) }
    }

    /// IO_WATCH.
    public static func ioWatch(_ range: ByteRange, isOn: Bool) -> Frame {
        Frame(.ioWatch, fixedBytes: 16) {
            $0.store(range)
            $0.store(isOn ? 1 as UInt32 : 0, at: 12)
        }
    }

    /// IO_CHANGED.
    public static func ioChanged(offset: UInt64, _ bytes: [UInt8]) -> Frame {
        Frame(.ioChanged, fixedBytes: 8, body: bytes) { $0.store(offset, at: 0) }
    }

    /// SHARE_MEMORY. One descriptor per region goes with it.
    public static func shareMemory(_ regions: [MemoryRegion]) -> Frame {
        Frame(.shareMemory, fixedBytes: 8 + regions.count * MemoryRegion.wireBytes) {
            $0.store(UInt32(regions.count), at: 0)
            for (index, region) in regions.enumerated() {
                let start = 8 + index * MemoryRegion.wireBytes
                $0.store(region.base, at: start)
                $0.store(region.bytes, at: start + 8)
                $0.store(region.fileOffset, at: start + 16)
            }
        }
    }

    /// IO_SPACE. One descriptor goes with it.
    public static func ioSpace(bytes: UInt64) -> Frame {
        Frame(.ioSpace, fixedBytes: 8) { $0.store(bytes, at: 0) }
    }

    /// CHANNEL_EVENTS. Two descriptors go with it: the one by which the host kicks the guest, then the other way.
    public static func channelEvents(relid: UInt32) -> Frame { Frame(.channelEvents, relid: relid) }

    /// PING.
    public static func ping(_ bytes: [UInt8], tag: UInt32) -> Frame { Frame(.ping, body: bytes, tag: tag) }

    /// PONG.
    public static func pong(_ bytes: [UInt8], tag: UInt32) -> Frame { Frame(.pong, body: bytes, tag: tag) }
}

/// Writes the fixed fields behind a frame's header; offsets count from the end of the header.
private struct FrameFields {
    private(set) var head: [UInt8]

    init(_ header: FrameHeader, bytes: Int) {
        head = [UInt8](repeating: 0, count: FrameHeader.bytes + bytes)
        var span = head.mutableSpan
        var raw = unsafe span.mutableBytes
        header.write(to: &raw)
    }

    mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        var span = head.mutableSpan
        var raw = unsafe span.mutableBytes
        raw.store(value, at: FrameHeader.bytes + offset)
    }

    mutating func store(_ identifier: GUID, at offset: Int) {
        store(identifier.data1, at: offset)
        store(identifier.data2, at: offset + 4)
        store(identifier.data3, at: offset + 6)
        store(identifier.data4.byteSwapped, at: offset + 8)
    }

    mutating func store(_ address: ConfigurationAddress) {
        store(address.function, at: 0)
        store(address.offset, at: 4)
        store(address.width, at: 6)
    }

    mutating func store(_ range: ByteRange) {
        store(range.start, at: 0)
        store(range.length, at: 8)
    }
}
