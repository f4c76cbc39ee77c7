/// What makes no sense in a ring that a peer can write to (`docs/protocol/vmbus.md 1.10`).
///
/// None of it can be mended: the channel is broken, the guest is not.
public enum RingViolation: Error, Hashable, Sendable {
    /// The peer's write index is no multiple of 8, or outside of the data.
    case badWriteIndex(UInt32, dataSize: Int)
    /// The peer's read index is no multiple of 8, or outside of the data.
    case badReadIndex(UInt32, dataSize: Int)
    /// Something is in the ring that is shorter than a descriptor and a trailer.
    case fragment(bytes: Int)
    /// A packet whose descriptor makes no sense, or which is longer than what is there.
    case packet(PacketError)
    /// A packet to send that fits no ring of this size, however empty.
    case packetTooLong(bytes: Int, dataSize: Int)
}

extension RingViolation: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .badWriteIndex(let index, let size): "write index \(index) in a ring of \(size) bytes"
        case .badReadIndex(let index, let size): "read index \(index) in a ring of \(size) bytes"
        case .fragment(let bytes): "\(bytes) bytes in the ring, which are no packet"
        case .packet(let error): "\(error)"
        case .packetTooLong(let bytes, let size): "a packet of \(bytes) bytes for a ring of \(size) bytes"
        }
    }
}
