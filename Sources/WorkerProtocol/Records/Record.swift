/// One record of the channel between host and worker: 64 bytes, eight little-endian words.
///
/// A message on the channel (SOCK_SEQPACKET keeps their borders) holds one record or several. The low half of word 0
/// is the record's kind, the high half a small operand; the meaning of the others is the kind's.
public struct Record: Sendable {
    /// Bytes of a record.
    public static let size = 64
    /// Most records of one message.
    public static let maximumPerMessage = 64

    var words: InlineArray<8, UInt64>

    init(kind: UInt32, operand: UInt32 = 0) {
        words = InlineArray(repeating: 0)
        words[0] = UInt64(kind) | UInt64(operand) << 32
    }

    var kind: UInt32 { UInt32(truncatingIfNeeded: words[0]) }
    var operand: UInt32 { UInt32(truncatingIfNeeded: words[0] >> 32) }

    /// Reads a record at a byte offset.
    ///
    /// - Throws: `RecordError.truncated` when fewer than 64 bytes are left.
    public init(_ bytes: RawSpan, at offset: Int = 0) throws(RecordError) {
        guard offset >= 0, offset <= bytes.byteCount, bytes.byteCount - offset >= Record.size else {
            throw .truncated(bytes: max(0, bytes.byteCount - max(0, offset)))
        }
        words = InlineArray(repeating: 0)
        for index in 0..<8 {
            // SAFETY: the check above leaves 64 bytes from `offset`; every bit pattern is a UInt64.
            words[index] = UInt64(
                littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset + index * 8, as: UInt64.self))
        }
    }

    /// Appends the record's 64 bytes.
    public func append(to bytes: inout [UInt8]) {
        bytes.reserveCapacity(bytes.count + Record.size)
        for index in 0..<8 {
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: words[index] >> shift))
            }
        }
    }

    /// Fails unless all words are those of another record of this kind: what carries no meaning is zero.
    func requireEqual(_ other: Record) throws(RecordError) {
        for index in 0..<8 where words[index] != other.words[index] {
            throw .badValue(kind: kind, word: index, value: words[index])
        }
    }
}

/// Why bytes from the other end of the channel are not a record.
public enum RecordError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The message ends inside a record, or is empty.
    case truncated(bytes: Int)
    /// No record has this kind.
    case unknownKind(UInt32)
    /// A word (the operand is word 0) of a record of this kind has a value it cannot have.
    case badValue(kind: UInt32, word: Int, value: UInt64)

    public var description: String {
        switch self {
        case .truncated(let bytes): "a record of \(bytes) bytes"
        case .unknownKind(let kind): "unknown record kind \(kind)"
        case .badValue(let kind, let word, let value): "record kind \(kind): word \(word) cannot be \(value)"
        }
    }
}
