/// A place in a PCI function's configuration space: CONFIG_READ and CONFIG_WRITE.
public struct ConfigurationAddress: Hashable, Sendable {
    /// The function's number, from 0.
    public var function: UInt32
    /// The byte in its configuration space.
    public var offset: UInt16
    /// How many bytes: 1, 2 or 4.
    public var width: UInt16

    public init(function: UInt32, offset: UInt16, width: UInt16) {
        self.function = function
        self.offset = offset
        self.width = width
    }

    init(decoding payload: RawSpan, _ type: FrameType) throws(CarrierViolation) {
        function = payload.integer(at: 0)
        offset = payload.integer(at: 4)
        width = payload.integer(at: 6)
        guard width == 1 || width == 2 || width == 4 else {
            throw .badValue(type, field: "width", value: UInt64(width))
        }
    }
}

/// A range of guest memory or of the IO space. Its end is at most 2^64 - 1.
public struct ByteRange: Hashable, Sendable {
    /// The guest physical address or the offset in the IO space.
    public var start: UInt64
    /// In bytes.
    public var length: UInt32

    public init(start: UInt64, length: UInt32) {
        self.start = start
        self.length = length
    }

    init(decoding payload: RawSpan, _ type: FrameType) throws(CarrierViolation) {
        start = payload.integer(at: 0)
        length = payload.integer(at: 8)
        guard !start.addingReportingOverflow(UInt64(length)).overflow else {
            throw .badValue(type, field: "offset", value: start)
        }
    }
}

/// A piece of guest memory in a file: one region of SHARE_MEMORY.
public struct MemoryRegion: Hashable, Sendable {
    /// Where it starts in the guest's physical memory.
    public var base: UInt64
    /// Its size, a multiple of 4096.
    public var bytes: UInt64
    /// Where it starts in the file.
    public var fileOffset: UInt64

    public init(base: UInt64, bytes: UInt64, fileOffset: UInt64) {
        self.base = base
        self.bytes = bytes
        self.fileOffset = fileOffset
    }

    /// The size on the wire.
    static let wireBytes = 24

    static func decode(_ payload: RawSpan) throws(CarrierViolation) -> [MemoryRegion] {
        let count: UInt32 = payload.integer(at: 0)
        let needed = 8 + UInt64(count) * UInt64(wireBytes)
        guard UInt64(payload.byteCount) >= needed else {
            throw .payloadTooShort(.shareMemory, bytes: payload.byteCount, needed: needed)
        }
        var regions: [MemoryRegion] = []
        regions.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            let start = 8 + index * wireBytes
            regions.append(
                MemoryRegion(
                    base: payload.integer(at: start), bytes: payload.integer(at: start + 8),
                    fileOffset: payload.integer(at: start + 16)))
        }
        return regions
    }
}
