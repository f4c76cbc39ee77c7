import Linux

/// A blocking connection that sends and counts bytes. Both sides of a comparison use it, so that the client's own part
/// is the same.
final class RawConnection {
    private let socket: FileDescriptor
    private var piece = [UInt8](repeating: 0, count: 65_536)
    /// What has come, of which the first `consumed` bytes were taken.
    private var received: [UInt8] = []
    private var consumed = 0

    init(endpoint: Endpoint) throws { socket = try Socket.connect(to: endpoint) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let rest = unsafe bytes.span.bytes.extracting(droppingFirst: sent)
            sent += try Socket.send(socket.rawValue, rest) ?? 0
        }
    }

    /// Waits for so many bytes and takes them.
    func take(_ count: Int) throws -> [UInt8] {
        try skip(count)
        return Array(received[consumed - count..<consumed])
    }

    /// Sends a request and waits for a reply of this length.
    func roundTrip(_ request: [UInt8], replyBytes: Int) throws {
        try send(request)
        try skip(replyBytes)
    }

    private func skip(_ count: Int) throws {
        while received.count - consumed < count { try receive() }
        consumed += count
    }

    private func receive() throws {
        if consumed == received.count {
            received.removeAll(keepingCapacity: true)
            consumed = 0
        }
        // Taken out of the object while the call looks at it.
        var bytes = piece
        piece = []
        defer { piece = bytes }
        var elements = bytes.mutableSpan
        var span = unsafe elements.mutableBytes
        let count = try Socket.receive(socket.rawValue, into: &span) ?? 0
        guard count > 0 else { throw BenchError("the server closed the connection") }
        received += bytes[..<count]
    }
}
