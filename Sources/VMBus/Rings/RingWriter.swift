/// The writing end of a ring (`docs/protocol/vmbus.md 1.9`).
public struct RingWriter {
    private let ring: Ring
    /// Where the next packet goes: the writer's own, whatever becomes of the shared one.
    private var writeIndex: Int
    /// The write index that the peer sees.
    private var published: Int
    /// Up to where the peer had read when this was last looked at.
    private var readIndex: Int

    /// Writes the ring that fills `memory`, from its write index on, and tells its reader that this writer waits for
    /// room by the pending send size.
    ///
    /// - Precondition: a whole number of pages of 4096 bytes, at least two.
    public init(_ memory: SharedBytes) throws(RingViolation) {
        ring = Ring(memory)
        readIndex = try ring.index(.readIndex)
        writeIndex = try ring.index(.writeIndex)
        published = writeIndex
        ring.store(ring.load(.featureBits) | Ring.honoursPendingSendSize, .featureBits)
    }

    /// Puts a packet, a multiple of 8 bytes, into the ring if there is room for it. The reader sees it after
    /// ``publish()``.
    public mutating func write(_ packet: RawSpan) throws(RingViolation) -> Bool {
        precondition(packet.byteCount % 8 == 0, "a packet that is not padded")
        let bytes = packet.byteCount + PacketHeader.trailerSize
        guard bytes < ring.dataSize else { throw .packetTooLong(bytes: packet.byteCount, dataSize: ring.dataSize) }
        if freeBytes <= bytes {
            readIndex = try ring.index(.readIndex)
            if freeBytes <= bytes { return false }
        }
        ring.write(packet, at: writeIndex)
        ring.writeTrailer(at: ring.index(writeIndex, advancedBy: packet.byteCount), start: writeIndex)
        writeIndex = ring.index(writeIndex, advancedBy: bytes)
        return true
    }

    /// Shows the reader all that was written; says whether it is to be signalled, because it may have found the ring
    /// empty.
    public mutating func publish() throws(RingViolation) -> Bool {
        let old = published
        guard writeIndex != old else { return false }
        published = writeIndex
        ring.store(UInt32(writeIndex), .writeIndex)
        SharedBytes.fence()
        guard ring.load(.interruptMask) == 0 else { return false }
        readIndex = try ring.index(.readIndex)
        return readIndex == old
    }

    /// Asks the reader for a signal when there is room for a packet of so many bytes; says whether there is already, in
    /// which case no signal may come.
    public mutating func awaitRoom(forPacketOf packetBytes: Int) throws(RingViolation) -> Bool {
        let bytes = packetBytes + PacketHeader.trailerSize
        ring.store(UInt32(bytes), .pendingSendSize)
        SharedBytes.fence()
        readIndex = try ring.index(.readIndex)
        return freeBytes > bytes
    }

    /// Asks for no signal any more.
    public func roomFound() { ring.store(0, .pendingSendSize) }

    /// Bytes that are free as far as known. One slot of 8 always is: a full ring would look empty.
    private var freeBytes: Int { ring.dataSize - ring.distance(from: readIndex, to: writeIndex) }
}
