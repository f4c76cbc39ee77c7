internal import DequeModule
internal import Glibc
internal import Linux

/// The host's requests for guest memory that have no answer yet.
///
/// A request that is larger than a frame allows goes as several frames, of which a bounded number is unanswered at any
/// time. Its completion is called once, when the last of its frames is answered, and may make further requests.
final class MemoryRequests {
    typealias Completion = (Result<[UInt8], SystemError>) -> Void

    private final class Request {
        let isRead: Bool
        let address: UInt64
        /// What is to be written, or has been read so far.
        var bytes: [UInt8]
        var framed = 0
        var unanswered = 0
        var failure: SystemError?
        let completion: Completion

        init(isRead: Bool, address: UInt64, bytes: [UInt8], completion: @escaping Completion) {
            self.isRead = isRead
            self.address = address
            self.bytes = bytes
            self.completion = completion
        }

        var isFramed: Bool { framed == bytes.count || failure != nil }
    }

    private struct Part {
        let request: Request
        let range: Range<Int>
    }

    /// The bytes of guest memory that one frame moves at most: whole pages, as many as fit beside the fixed fields.
    static let maximumPartBytes = FrameHeader.maximumPayloadBytes - 4096

    private let maximumRequests: Int
    private let maximumParts: Int
    private var waiting: Deque<Request> = []
    private var parts: [UInt32: Part] = [:]
    private var requestCount = 0
    private var lastTag: UInt32 = 0

    init(maximumRequests: Int, maximumParts: Int) {
        self.maximumRequests = maximumRequests
        self.maximumParts = maximumParts
    }

    /// Asks for the bytes at an address.
    func read(_ address: UInt64, _ count: Int, _ completion: @escaping Completion) {
        add("read", address, count, completion) {
            Request(
                isRead: true, address: address, bytes: [UInt8](repeating: 0, count: count), completion: completion)
        }
    }

    /// Asks to change the bytes at an address.
    func write(_ address: UInt64, _ bytes: [UInt8], _ completion: @escaping Completion) {
        add("write", address, bytes.count, completion) {
            Request(isRead: false, address: address, bytes: bytes, completion: completion)
        }
    }

    private func add(
        _ verb: String, _ address: UInt64, _ count: Int, _ completion: Completion, _ make: () -> Request
    ) {
        func fail(_ code: Int32) {
            completion(
                .failure(SystemError(code: code, operation: "\(verb) \(count) bytes of guest memory at \(address)")))
        }
        if count == 0 { return completion(.success([])) }
        if address.addingReportingOverflow(UInt64(count)).overflow { return fail(EFAULT) }
        if requestCount >= maximumRequests { return fail(ENOBUFS) }
        requestCount += 1
        waiting.append(make())
    }

    /// The next frame to send, if there is one and it may be sent now.
    func nextFrame() -> Frame? {
        guard parts.count < maximumParts else { return nil }
        while let request = waiting.first, request.isFramed { waiting.removeFirst() }
        guard let request = waiting.first else { return nil }
        let range = request.framed..<min(request.framed + Self.maximumPartBytes, request.bytes.count)
        request.framed = range.upperBound
        request.unanswered += 1
        repeat { lastTag &+= 1 } while lastTag == 0 || parts[lastTag] != nil
        parts[lastTag] = Part(request: request, range: range)
        let address = request.address + UInt64(range.lowerBound)
        if request.isRead {
            return .memoryRead(ByteRange(start: address, length: UInt32(range.count)), tag: lastTag)
        }
        let isWhole = range.count == request.bytes.count
        return .memoryWrite(address: address, isWhole ? request.bytes : Array(request.bytes[range]), tag: lastTag)
    }

    /// Takes MEMORY_DATA.
    func answer(status: Int32, data: RawSpan, tag: UInt32) throws(CarrierViolation) {
        let part = try takePart(tag, .memoryData, isRead: true)
        let expected = status == 0 ? part.range.count : 0
        guard data.byteCount == expected else {
            throw .wrongLength(.memoryData, bytes: data.byteCount, expected: UInt64(expected))
        }
        if status == 0 {
            if part.range.count == part.request.bytes.count {
                part.request.bytes = data.array()
            } else {
                part.request.bytes.replace(part.range, with: data)
            }
        }
        finish(part, status)
    }

    /// Takes MEMORY_DONE.
    func answer(status: Int32, tag: UInt32) throws(CarrierViolation) {
        finish(try takePart(tag, .memoryDone, isRead: false), status)
    }

    /// Gives up all requests, in the order in which they were made.
    func failAll(_ error: SystemError) {
        var requests: [Request] = []
        for tag in parts.keys.sorted() {
            if let request = parts[tag]?.request, !requests.contains(where: { $0 === request }) {
                requests.append(request)
            }
        }
        for request in waiting where !requests.contains(where: { $0 === request }) { requests.append(request) }
        parts = [:]
        waiting = []
        requestCount = 0
        for request in requests { request.completion(.failure(error)) }
    }

    private func takePart(_ tag: UInt32, _ type: FrameType, isRead: Bool) throws(CarrierViolation) -> Part {
        guard let part = parts[tag], part.request.isRead == isRead else { throw .unknownTag(type, tag: tag) }
        parts[tag] = nil
        return part
    }

    private func finish(_ part: Part, _ status: Int32) {
        let request = part.request
        request.unanswered -= 1
        if status != 0 && request.failure == nil {
            let verb = request.isRead ? "read" : "write"
            let address = request.address + UInt64(part.range.lowerBound)
            request.failure = SystemError(
                code: -status, operation: "\(verb) \(part.range.count) bytes of guest memory at \(address)")
        }
        guard request.unanswered == 0, request.isFramed else { return }
        requestCount -= 1
        if let failure = request.failure {
            request.completion(.failure(failure))
        } else {
            request.completion(.success(request.isRead ? request.bytes : []))
        }
    }
}

extension Array<UInt8> {
    /// Puts the span's bytes in place of as many of the array's.
    fileprivate mutating func replace(_ range: Range<Int>, with span: RawSpan) {
        // SAFETY: both pointers are used during the call only; the copy checks its bounds.
        unsafe withUnsafeMutableBytes { destination in
            unsafe span.withUnsafeBytes { source in
                unsafe UnsafeMutableRawBufferPointer(rebasing: destination[range]).copyMemory(from: source)
            }
        }
    }
}
