/// Why bytes are not a packet that a dxg channel carries (`docs/protocol/vmbus.md 1.10`).
///
/// After any of these the ring cannot be trusted to hold another packet: the channel is broken, the guest is not.
public enum PacketError: Error, Hashable, Sendable {
    /// Fewer bytes than a descriptor.
    case truncated(needed: Int, have: Int)
    /// The descriptor's length is not the length of the bytes that arrived.
    case lengthMismatch(described: Int, have: Int)
    /// The data would begin inside the descriptor or behind the packet.
    case badDataOffset(offset: Int, length: Int)
    /// A number that no packet kind has.
    case unknownType(UInt16)
    /// A kind that dxg channels do not carry.
    case unsupportedType(PacketType)
    /// Flag bits that nobody has defined.
    case unknownFlags(UInt16)
    /// A packet to send that is longer than its receiver accepts.
    case tooLong(limit: Int, have: Int)
}

extension PacketError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .truncated(let needed, let have): "packet of \(have) bytes, \(needed) needed"
        case .lengthMismatch(let described, let have): "packet says \(described) bytes, \(have) are there"
        case .badDataOffset(let offset, let length): "packet of \(length) bytes with its data at \(offset)"
        case .unknownType(let type): "unknown packet type \(type)"
        case .unsupportedType(let type): "packet type \(type) is not served"
        case .unknownFlags(let flags): "unknown packet flags 0x\(String(flags, radix: 16))"
        case .tooLong(let limit, let have): "packet of \(have) bytes to send, at most \(limit) allowed"
        }
    }
}
