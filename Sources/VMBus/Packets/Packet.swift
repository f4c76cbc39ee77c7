/// A received packet: its checked descriptor and a window on its data, without copying (`docs/protocol/vmbus.md 1.8`).
public struct Packet: ~Escapable {
    /// The descriptor.
    public let header: PacketHeader

    private let bytes: RawSpan

    /// Checks a whole packet as it stands in a ring, without the trailer, or in a PACKET frame of the stream carrier:
    /// the descriptor must describe exactly these bytes.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(PacketError) {
        header = try PacketHeader(decoding: bytes, available: bytes.byteCount)
        guard header.length == bytes.byteCount else {
            throw .lengthMismatch(described: header.length, have: bytes.byteCount)
        }
        self.bytes = bytes
    }

    /// The data, up to 7 bytes longer than what the sender gave, because packets are padded to 8.
    public var payload: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(header.dataOffset..<header.length) }
    }
}

extension Packet {
    /// Makes a packet of `bytes` in place: they begin with `PacketHeader.size` reserved bytes, the payload follows.
    ///
    /// Writes the descriptor over the reserved bytes and zeros behind the payload up to a multiple of 8, so that a
    /// reply is built in one buffer. `limit` is what the receiver accepts: the host keeps to
    /// `PacketHeader.maximumHostPacketSize`.
    public static func seal(
        _ bytes: inout [UInt8], type: PacketType, transactionID: UInt64, requestCompletion: Bool = false,
        limit: Int = PacketHeader.maximumHostPacketSize
    ) throws(PacketError) {
        precondition(bytes.count >= PacketHeader.size, "no room reserved for the descriptor")
        let length = (bytes.count + 7) & ~7
        let limit = min(limit, PacketHeader.maximumPacketSize)
        guard length <= limit else { throw .tooLong(limit: limit, have: length) }
        for _ in bytes.count..<length {
            bytes.append(0)
        }
        bytes.store(type.rawValue, at: 0)
        bytes.store(UInt16(PacketHeader.size / 8), at: 2)
        bytes.store(UInt16(length / 8), at: 4)
        bytes.store(requestCompletion ? PacketFlags.completionRequested.rawValue : 0, at: 6)
        bytes.store(transactionID, at: 8)
    }

    /// A packet with a copy of `payload`.
    public static func encode(
        type: PacketType, payload: RawSpan, transactionID: UInt64, requestCompletion: Bool = false,
        limit: Int = PacketHeader.maximumHostPacketSize
    ) throws(PacketError) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(PacketHeader.size + (payload.byteCount + 7) & ~7)
        bytes.append(contentsOf: repeatElement(0, count: PacketHeader.size))
        payload.append(to: &bytes)
        try seal(
            &bytes, type: type, transactionID: transactionID, requestCompletion: requestCompletion, limit: limit)
        return bytes
    }
}
