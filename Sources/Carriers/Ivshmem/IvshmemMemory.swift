internal import Linux
internal import VMBus

/// The memory that one guest and the host share, from the host's side (docs/protocol/ivshmem.md 2).
///
/// The host reads nothing of what it writes itself: whatever the guest makes of that is the guest's own affair.
final class IvshmemMemory {
    /// The whole memory, its size final.
    let file: SharedMemory
    /// Everything in front of the IO space.
    private let bytes: SharedBytes
    let ioSpace: IOSpaceMemory

    init(name: String, ioSpaceBytes: UInt64) throws(SystemError) {
        file = try SharedMemory(name: name, bytes: IvshmemLayout.memoryBytes(ioSpaceBytes: ioSpaceBytes))
        bytes = try file.map(0..<UInt64(IvshmemLayout.ioSpace)).sharedBytes
        ioSpace = try IOSpaceMemory(file: file, fileOffset: UInt64(IvshmemLayout.ioSpace), bytes: ioSpaceBytes)
    }

    func writeHeader(guestID: GUID) {
        let header = IvshmemLayout.header(
            memoryBytes: file.bytes, ioSpaceBytes: ioSpace.bytes, guestID: guestID)
        bytes.write(unsafe header.span.bytes, at: 0)
    }

    func store(_ value: UInt32, _ field: IvshmemLayout.HeaderField) { bytes.store(value, at: field.rawValue) }

    func load(_ field: IvshmemLayout.GuestField) -> UInt32 {
        bytes.load(at: IvshmemLayout.guestPage + field.rawValue)
    }

    /// Shows a slot's configuration space, word by word, so that the guest never reads half a word.
    func storeConfiguration(_ words: [UInt32], slot: Int) {
        let start = IvshmemLayout.configuration + slot * ConfigurationSpace.size
        for (index, word) in words.enumerated() { bytes.store(word, at: start + 4 * index) }
    }

    /// Both control rings, empty (docs/protocol/ivshmem.md 5).
    func emptyControlRings() -> (fromGuest: SharedBytes, toGuest: SharedBytes) {
        func empty(_ start: Int) -> SharedBytes {
            bytes.clear(at: start, count: GuestPhysicalRange.pageSize)
            return bytes.extracting(start..<start + IvshmemLayout.controlBytes)
        }
        return (empty(IvshmemLayout.controlFromGuest), empty(IvshmemLayout.controlToGuest))
    }

    /// The memory of a channel's rings; `address` is the guest's for the whole memory.
    func rings(_ rings: ChannelRings, address: UInt64) throws(ChannelRefusal) -> (
        fromGuest: SharedBytes, toGuest: SharedBytes
    ) {
        let pageSize = GuestPhysicalRange.pageSize
        let count = rings.pages.count
        guard let first = rings.pages.first, rings.downstreamPageOffset >= 2, rings.downstreamPageOffset <= count - 2,
            rings.pages.indices.allSatisfy({ rings.pages[$0] == first &+ UInt64($0) })
        else { throw .ringsOutOfReach }
        let base = address / UInt64(pageSize)
        let area = IvshmemLayout.ringArea
        guard first >= base, let page = Int(exactly: first - base), page <= area.upperBound / pageSize,
            page * pageSize >= area.lowerBound, count <= area.upperBound / pageSize - page
        else { throw .ringsOutOfReach }
        let start = page * pageSize
        let middle = start + rings.downstreamPageOffset * pageSize
        return (bytes.extracting(start..<middle), bytes.extracting(middle..<start + count * pageSize))
    }
}
