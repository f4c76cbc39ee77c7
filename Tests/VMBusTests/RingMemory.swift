import VMBus

/// Memory for a ring in a test, which both of its ends share.
@safe
final class RingMemory: @unchecked Sendable {
    // SAFETY: allocated in init, freed in deinit; the ends access it atomically or as the rules of rings order it.
    private let base: UnsafeMutableRawPointer
    let count: Int

    init(pages: Int) {
        count = pages * 4096
        unsafe base = .allocate(byteCount: count, alignment: 4096)
        bytes.clear(at: 0, count: count)
    }

    deinit { unsafe base.deallocate() }

    var bytes: SharedBytes { unsafe SharedBytes(base: base, count: count, owner: self) }

    /// Bytes of the ring's data.
    var dataSize: Int { count - 4096 }

    subscript(field: Field) -> UInt32 {
        get { bytes.load(at: field.rawValue) }
        set { bytes.store(newValue, at: field.rawValue) }
    }

    /// Data of the ring, for a look past its ends.
    func data(at offset: Int, count: Int) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: count)
        bytes.read(at: 4096 + offset, count: count, into: &result)
        return result
    }

    func setData(_ data: [UInt8], at offset: Int) { bytes.write(unsafe data.span.bytes, at: 4096 + offset) }

    /// The control page, as the page on rings has it.
    enum Field: Int {
        case writeIndex = 0
        case readIndex = 4
        case interruptMask = 8
        case pendingSendSize = 12
        case featureBits = 64
    }
}

extension RingReader {
    /// The next packet as bytes of its own.
    mutating func nextPacket() throws(RingViolation) -> [UInt8]? {
        var buffer: [UInt8] = []
        guard let count = try next(into: &buffer) else { return nil }
        return Array(buffer[..<count])
    }
}

extension RingWriter {
    mutating func write(_ packet: [UInt8]) throws(RingViolation) -> Bool { try write(unsafe packet.span.bytes) }
}

/// A packet with so many bytes in all, whose data nobody could take for another's.
func makePacket(_ number: Int, bytes: Int) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: PacketHeader.size)
    packet += (0..<bytes - PacketHeader.size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &* 7 &+ $0 >> 8) }
    do {
        try Packet.seal(
            &packet, type: .inBandData, transactionID: UInt64(number), requestCompletion: true, limit: .max)
    } catch {
        preconditionFailure("\(error)")
    }
    return packet
}
