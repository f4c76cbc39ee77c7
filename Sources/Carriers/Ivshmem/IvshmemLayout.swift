internal import VMBus

/// Where everything is in the shared memory (docs/protocol/ivshmem.md 2 to 4). Bytes from its beginning.
enum IvshmemLayout {
    /// Vectors each way.
    static let vectors = 8
    static let hostPeer: UInt32 = 0
    static let guestPeer: Int64 = 1

    static let guestPage = 0x1000
    static let configuration = 0x2000
    static let functionSlots = 32
    static let controlFromGuest = 0x10000
    static let controlToGuest = 0x20000
    static let controlBytes = 0x10000
    static let ringArea = 0x10_0000..<0x200_0000
    static let ioSpace = 0x200_0000

    static let magic: UInt64 = 0x5355_424D_5659_4453
    static let majorVersion: UInt16 = 1
    static let minorVersion: UInt16 = 0

    /// Words of the header that change, by their offset in the memory.
    enum HeaderField: Int {
        case attachAnswer = 0x100
        case attachStatus = 0x104
        case hostState = 0x108
        case configurationAnswer = 0x140
        case functionGeneration = 0x144
    }

    /// Words of the guest page, by their offset in it.
    enum GuestField: Int {
        case attachRequest = 0x00
        case version = 0x04
        case addressLow = 0x08
        case addressHigh = 0x0C
        case configurationRequest = 0x40
        case configurationPlace = 0x44
        case configurationWidth = 0x48
        case configurationValue = 0x4C
        case functionGenerationSeen = 0x80
    }

    /// Bytes of a memory with an IO space of so many: a power of two.
    static func memoryBytes(ioSpaceBytes: UInt64) -> UInt64 {
        let needed = UInt64(ioSpace) + ioSpaceBytes
        return needed.nonzeroBitCount == 1 ? needed : 1 << (UInt64.bitWidth - needed.leadingZeroBitCount)
    }

    /// The part of the header that never changes.
    static func header(memoryBytes: UInt64, ioSpaceBytes: UInt64, guestID: GUID) -> [UInt8] {
        var header = [UInt8](repeating: 0, count: 0x80)
        var span = header.mutableSpan
        var bytes = unsafe span.mutableBytes
        bytes.store(magic, at: 0x00)
        bytes.store(majorVersion, at: 0x08)
        bytes.store(minorVersion, at: 0x0A)
        bytes.store(UInt32(vectors), at: 0x0C)
        bytes.store(hostPeer, at: 0x10)
        bytes.store(UInt32(functionSlots), at: 0x14)
        bytes.store(memoryBytes, at: 0x18)
        let places = [
            guestPage, configuration, controlFromGuest, controlToGuest, controlBytes, ringArea.lowerBound,
            ringArea.count, ioSpace,
        ]
        for (index, place) in places.enumerated() { bytes.store(UInt64(place), at: 0x20 + 8 * index) }
        bytes.store(ioSpaceBytes, at: 0x60)
        header.replaceSubrange(0x70..<0x80, with: guestID.wireBytes)
        return header
    }
}
