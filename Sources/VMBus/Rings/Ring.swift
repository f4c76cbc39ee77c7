/// One ring in shared memory: its control page and its data (`docs/protocol/vmbus.md 1.7`).
///
/// What both ends of it need. The indices of the peer are read once and checked before they are used.
struct Ring {
    /// Words of the control page.
    enum Field: Int {
        case writeIndex = 0x00
        case readIndex = 0x04
        case interruptMask = 0x08
        case pendingSendSize = 0x0C
        case featureBits = 0x40
    }

    /// The feature bit of a writer that uses the pending send size.
    static let honoursPendingSendSize: UInt32 = 1

    /// Bytes of the control page, and the unit of a ring's size.
    static let pageSize = 4096
    /// Bytes of the data.
    let dataSize: Int

    private let memory: SharedBytes

    /// Takes the ring that fills `memory`: a whole number of pages, of which one at least is data.
    init(_ memory: SharedBytes) {
        precondition(memory.count % Ring.pageSize == 0 && memory.count >= 2 * Ring.pageSize, "no size for a ring")
        precondition(memory.count <= Int(UInt32.max), "indices have 32 bits")
        self.memory = memory
        dataSize = memory.count - Ring.pageSize
    }

    func load(_ field: Field) -> UInt32 { memory.load(at: field.rawValue) }

    func store(_ value: UInt32, _ field: Field) { memory.store(value, at: field.rawValue) }

    /// An index as it is now, which the peer may have made anything.
    func index(_ field: Field) throws(RingViolation) -> Int {
        let value = load(field)
        guard value % 8 == 0, value < dataSize else {
            throw field == .writeIndex
                ? .badWriteIndex(value, dataSize: dataSize) : .badReadIndex(value, dataSize: dataSize)
        }
        return Int(value)
    }

    /// Bytes from one index on to another.
    func distance(from start: Int, to end: Int) -> Int {
        end >= start ? end - start : end + dataSize - start
    }

    /// The index so many bytes, at most all of the data, behind another.
    func index(_ start: Int, advancedBy bytes: Int) -> Int {
        let end = start + bytes
        return end >= dataSize ? end - dataSize : end
    }

    /// Copies data out that begins at an index and may go on at the beginning of the data.
    func read(at index: Int, count: Int, into bytes: inout [UInt8], at position: Int = 0) {
        let first = min(count, dataSize - index)
        memory.read(at: Ring.pageSize + index, count: first, into: &bytes, at: position)
        if first < count {
            memory.read(at: Ring.pageSize, count: count - first, into: &bytes, at: position + first)
        }
    }

    /// Copies data in.
    func write(_ bytes: RawSpan, at index: Int) {
        let first = min(bytes.byteCount, dataSize - index)
        memory.write(bytes.extracting(0..<first), at: Ring.pageSize + index)
        if first < bytes.byteCount { memory.write(bytes.extracting(first...), at: Ring.pageSize) }
    }

    /// Writes what follows a packet: where it began. All of it is before the end of the data.
    func writeTrailer(at index: Int, start: Int) {
        memory.store(0, at: Ring.pageSize + index)
        memory.store(UInt32(start), at: Ring.pageSize + index + 4)
    }
}
