/// Why received bytes are not the message they claim to be.
public enum DecodeError: Error, Hashable, Sendable {
    /// The message's fields and counts need more bytes than arrived.
    case truncated(needed: UInt64, have: UInt64)

    /// An offset in the message is misaligned or points outside it.
    case badOffset(UInt64, have: UInt64)

    /// A field holds a value that the protocol does not allow there.
    case badValue(field: String, value: UInt64)
}

extension DecodeError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .truncated(let needed, let have): "needs \(needed) bytes, has \(have)"
        case .badOffset(let offset, let have): "offset \(offset) is not usable in \(have) bytes"
        case .badValue(let field, let value): "\(field) cannot be \(value)"
        }
    }
}
