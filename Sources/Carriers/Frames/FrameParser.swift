/// Finds the frames in a stream of bytes that arrives in pieces of any size.
///
/// A frame that lies whole in a piece is handed on where it is; only one that is cut is put together in a buffer of the
/// parser's own.
public struct FrameParser: Sendable {
    /// What came and was not handed on yet: at most a part of one frame unless the user stopped.
    private var kept: [UInt8] = []
    /// How much of it is used up.
    private var start = 0

    /// A kept buffer that became larger than this is given back once it is empty.
    private static let retainedBytes = 131_072

    public init() {}

    /// The bytes that are kept: a part of a frame, or what came after the user stopped.
    public var keptBytes: Int { kept.count - start }

    /// The header of the frame that is incomplete, as far as it came.
    public var partialHeader: FrameHeader? {
        guard keptBytes >= FrameHeader.bytes else { return nil }
        return try? FrameHeader(decoding: unsafe kept.span.bytes.extracting(droppingFirst: start))
    }

    /// Takes the next bytes of the stream (none, to go on after a stop).
    ///
    /// - Parameters:
    ///   - check: Called with every header as soon as it is complete, perhaps more than once: refuses frames whose
    ///     payload is not even worth waiting for.
    ///   - body: Called with every complete frame. Returns whether to go on; if not, the rest is kept for the next
    ///     call.
    /// - Returns: Whether everything was looked at.
    @discardableResult
    public mutating func parse(
        _ input: RawSpan, check: (FrameHeader) throws(CarrierViolation) -> Void,
        body: (FrameHeader, RawSpan) throws(CarrierViolation) -> Bool
    ) throws(CarrierViolation) -> Bool {
        var used = 0
        while keptBytes > 0 {
            if !fill(FrameHeader.bytes, from: input, &used) { return true }
            let header = try FrameHeader(decoding: unsafe kept.span.bytes.extracting(droppingFirst: start))
            try check(header)
            let size = FrameHeader.bytes + header.payloadBytes
            if !fill(size, from: input, &used) { return true }
            let payload = start + FrameHeader.bytes..<start + size
            let goOn = try body(header, unsafe kept.span.bytes.extracting(payload))
            start += size
            if start == kept.count { empty() }
            if !goOn { return keep(input, from: used) }
        }
        while input.byteCount - used >= FrameHeader.bytes {
            let header = try FrameHeader(decoding: input.extracting(droppingFirst: used))
            try check(header)
            let payload = used + FrameHeader.bytes
            guard input.byteCount - payload >= header.payloadBytes else { break }
            used = payload + header.payloadBytes
            if try !body(header, input.extracting(payload..<used)) { return keep(input, from: used) }
        }
        keep(input, from: used)
        return true
    }

    /// Makes the kept bytes at least `count` by taking some of the input. Says whether there were enough.
    private mutating func fill(_ count: Int, from input: RawSpan, _ used: inout Int) -> Bool {
        let missing = count - keptBytes
        if missing <= 0 { return true }
        let step = min(missing, input.byteCount - used)
        if step > 0 {
            if start > 0 {
                kept.removeSubrange(..<start)
                start = 0
            }
            kept.append(input.extracting(used..<used + step))
            used += step
        }
        return step == missing
    }

    /// Keeps the rest of the input. Says whether nothing is left to look at.
    @discardableResult
    private mutating func keep(_ input: RawSpan, from used: Int) -> Bool {
        kept.append(input.extracting(droppingFirst: used))
        return keptBytes == 0
    }

    private mutating func empty() {
        kept.removeAll(keepingCapacity: kept.capacity <= Self.retainedBytes)
        start = 0
    }
}
