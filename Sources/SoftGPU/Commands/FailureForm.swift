import DXGProtocol

/// How a command tells that it failed (docs/protocol/semantics.md 1.4 and 22). Every form but ``short`` has the length
/// that the guest's driver insists on.
enum FailureForm {
    /// A reply that is zero but for the status.
    case status(offset: Int)
    /// A zero handle in a reply that is zero altogether.
    case zeroHandle
    /// The request with a status, where there is one, and without results.
    case echo(status: Int?, results: Range<Int>)
    /// A completion without payload, which the guest takes as "buffer too small".
    case short
    /// Nothing can be told: the reply is ignored.
    case silent

    /// The reply of `length` bytes that reports `status`.
    func reply(_ status: NTStatus, length: Int, to request: RawSpan) -> [UInt8] {
        switch self {
        case .status(let offset):
            var bytes = [UInt8](repeating: 0, count: max(length, offset + 4))
            Self.put(status, in: &bytes, at: offset)
            return bytes
        case .zeroHandle:
            return [UInt8](repeating: 0, count: length)
        case .echo(let offset, let results):
            var bytes = [UInt8](wireBytes: request.extracting(first: length))
            bytes += Array(repeating: 0, count: max(length - bytes.count, 0))
            for index in results { bytes[index] = 0 }
            if let offset { Self.put(status, in: &bytes, at: offset) }
            return bytes
        case .short, .silent:
            return []
        }
    }

    private static func put(_ status: NTStatus, in bytes: inout [UInt8], at offset: Int) {
        for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: status.rawValue >> (8 * UInt32(index))) }
    }
}

extension StatusReply {
    /// The reply of 4 bytes with this status.
    static func bytes(_ status: NTStatus) -> [UInt8] { MessageBuilder<StatusReply>(status).bytes }
}
