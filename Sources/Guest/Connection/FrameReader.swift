public import Carriers
public import Linux

/// Receives the frames of a connection, on one thread at a time.
public final class FrameReader {
    private let connection: FrameConnection
    private var parser = FrameParser()
    private var buffer = [UInt8](repeating: 0, count: 131_072)
    private var descriptors = DescriptorQueue()

    /// A reader of what the other side sends over the connection.
    public init(_ connection: FrameConnection) {
        self.connection = connection
    }

    /// Hands on the frames that are kept, or else waits for bytes and hands on those that they complete; `body` says
    /// whether to go on with the next or to keep the rest for the next call. Returns false at the orderly end of the
    /// stream.
    public func receive(
        _ body: (FrameHeader, RawSpan) throws(CarrierViolation) -> Bool
    ) throws(GuestError) -> Bool {
        var isKept = false
        _ = try parse(RawSpan()) { (header, payload) throws(CarrierViolation) in
            isKept = true
            return try body(header, payload)
        }
        if isKept { return true }
        // Taken out of the object while others look at it.
        var bytes = buffer
        buffer = []
        defer { buffer = bytes }
        let count = try fill(&bytes)
        // SAFETY: the span borrows the array for the call.
        _ = try parse(unsafe bytes.span.bytes.extracting(first: count), body)
        return count > 0
    }

    /// Hands on frames until all are or `body` stops; says whether it wants to go on.
    private func parse(
        _ bytes: RawSpan, _ body: (FrameHeader, RawSpan) throws(CarrierViolation) -> Bool
    ) throws(GuestError) -> Bool {
        var goesOn = true
        do throws(CarrierViolation) {
            try parser.parse(bytes) { (_) throws(CarrierViolation) in
            } body: { (header, payload) throws(CarrierViolation) in
                goesOn = try body(header, payload)
                return goesOn
            }
            return goesOn
        } catch {
            throw .unexpected("the host sent \(error)")
        }
    }

    /// The next frame, copied; nothing at the orderly end of the stream.
    public func next() throws(GuestError) -> ReceivedFrame? {
        var frame: ReceivedFrame?
        while frame == nil {
            let goesOn = try receive { (header, payload) throws(CarrierViolation) in
                frame = ReceivedFrame(header: header, payload: [UInt8](copying: payload))
                return false
            }
            if !goesOn { break }
        }
        return frame
    }

    /// The oldest descriptor that came with what was received so far.
    public func takeDescriptor() -> FileDescriptor? { descriptors.takeFirst() }

    private func fill(_ bytes: inout [UInt8]) throws(GuestError) -> Int {
        do throws(SystemError) {
            var elements = bytes.mutableSpan
            // SAFETY: any bytes are legal elements.
            var span = unsafe elements.mutableBytes
            return try Socket.receive(connection.socket.rawValue, into: &span, descriptors: &descriptors) ?? 0
        } catch {
            throw .disconnected(reason: error.description)
        }
    }
}

/// A frame as a host sent it.
public struct ReceivedFrame: Hashable, Sendable {
    /// What the frame is.
    public let header: FrameHeader

    /// The bytes behind the header.
    public let payload: [UInt8]
}
