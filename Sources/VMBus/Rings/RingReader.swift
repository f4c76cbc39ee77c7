/// The reading end of a ring (`docs/protocol/vmbus.md 1.9`).
///
/// A pass of a reader: ``mask()``, then ``next(into:)`` until nothing comes, ``release()`` with a signal to the writer
/// if it says so, then ``unmask()``, and from the beginning if that finds something.
public struct RingReader {
    private let ring: Ring
    /// Where the next packet begins: the reader's own, whatever becomes of the shared one.
    private var readIndex: Int
    /// The read index that the peer sees.
    private var released: Int
    /// Up to where the peer had written when this was last looked at.
    private var writeIndex: Int

    /// Reads the ring that fills `memory`, from its read index on.
    ///
    /// - Precondition: a whole number of pages of 4096 bytes, at least two.
    public init(_ memory: SharedBytes) throws(RingViolation) {
        ring = Ring(memory)
        readIndex = try ring.index(.readIndex)
        writeIndex = try ring.index(.writeIndex)
        released = readIndex
    }

    /// Asks the writer not to signal while the ring is read.
    public func mask() { ring.store(1, .interruptMask) }

    /// Asks the writer to signal again; says whether something came meanwhile, for which there may be no signal.
    public mutating func unmask() throws(RingViolation) -> Bool {
        ring.store(0, .interruptMask)
        SharedBytes.fence()
        writeIndex = try ring.index(.writeIndex)
        return writeIndex != readIndex
    }

    /// Copies the next packet, without its trailer, to the beginning of `buffer`, which grows as needed, and gives its
    /// length; nothing if there is none. Its room stays taken until ``release()``.
    ///
    /// The descriptor is checked as a copy, and the copy is what is returned: the peer cannot change it any more.
    public mutating func next(into buffer: inout [UInt8]) throws(RingViolation) -> Int? {
        if readIndex == writeIndex {
            writeIndex = try ring.index(.writeIndex)
            if readIndex == writeIndex { return nil }
        }
        let available = ring.distance(from: readIndex, to: writeIndex)
        guard available >= PacketHeader.size + PacketHeader.trailerSize else { throw .fragment(bytes: available) }
        if buffer.count < PacketHeader.size { buffer = Array(repeating: 0, count: Ring.pageSize) }
        ring.read(at: readIndex, count: PacketHeader.size, into: &buffer)
        let header: PacketHeader
        do throws(PacketError) {
            header = try PacketHeader(
                decoding: unsafe buffer.span.bytes, available: available - PacketHeader.trailerSize)
        } catch {
            throw .packet(error)
        }
        if buffer.count < header.length {
            buffer += repeatElement(0, count: header.length - buffer.count)
        }
        ring.read(
            at: ring.index(readIndex, advancedBy: PacketHeader.size), count: header.length - PacketHeader.size,
            into: &buffer, at: PacketHeader.size)
        readIndex = ring.index(readIndex, advancedBy: header.length + PacketHeader.trailerSize)
        return header.length
    }

    /// Gives the writer the room of all packets that were taken; says whether it waits for so much and is to be
    /// signalled.
    public mutating func release() throws(RingViolation) -> Bool {
        let taken = ring.distance(from: released, to: readIndex)
        guard taken > 0 else { return false }
        released = readIndex
        ring.store(UInt32(readIndex), .readIndex)
        SharedBytes.fence()
        let pending = Int(ring.load(.pendingSendSize) & ~7)
        guard pending > 0, ring.load(.featureBits) & Ring.honoursPendingSendSize != 0 else { return false }
        let free = ring.dataSize - ring.distance(from: readIndex, to: try ring.index(.writeIndex))
        return free > pending && free - taken <= pending
    }
}
