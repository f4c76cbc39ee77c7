internal import Glibc
public import Linux

/// Why a stream ended without its owner's doing.
public enum StreamCloseReason: Hashable, Sendable, CustomStringConvertible {
    /// The peer has closed its side.
    case endOfStream
    /// Everything that waited was sent, as `closeAfterFlush()` asked.
    case flushed
    /// The connection broke.
    case failed(SystemError)

    public var description: String {
        switch self {
        case .endOfStream: "the peer closed the connection"
        case .flushed: "closed after the last byte was sent"
        case .failed(let error): "\(error)"
        }
    }
}

/// The user of a stream.
public protocol StreamDelegate: AnyObject {
    /// Bytes came. They are the stream's buffer: whatever is not used up now has to be copied. Descriptors came with
    /// some of the bytes; those that are not taken are closed.
    func stream(_ stream: Stream, received bytes: RawSpan, descriptors: inout DescriptorQueue)

    /// Output had to wait and is all sent now.
    func streamDidDrain(_ stream: Stream)

    /// The stream ended: the last call, never made for `close()` and never from within a call of the user's.
    func streamDidClose(_ stream: Stream, reason: StreamCloseReason)
}

/// A connected, non-blocking stream socket on the loop.
///
/// Output is sent at once if the socket takes it and queued otherwise, without bound: the owner watches `pendingBytes`.
public final class Stream {
    private let loop: EventLoop
    private var socket: FileDescriptor?
    private var poll: Poll?
    private var output = OutputQueue()
    private var isReading = true
    private var isBlocked = false
    private var isFlushing = false
    private var corks = 0
    private var failure: SystemError?

    /// The user; held weakly.
    public weak var delegate: (any StreamDelegate)?

    /// How often one wake-up reads on while the buffer comes back full, before other streams have their turn.
    private static let readsPerTurn = 8
    /// How often a broken connection is read for what the peer sent before it broke.
    private static let lastReads = 64

    /// Takes over the socket and starts to read.
    public init(_ loop: EventLoop, socket: consuming FileDescriptor, delegate: any StreamDelegate) throws(SystemError) {
        self.loop = loop
        self.delegate = delegate
        let number = socket.rawValue
        self.socket = consume socket
        poll = try Poll(loop, descriptor: number) { [weak self] events in self?.ready(events) }
        updatePoll()
    }

    /// Whether the stream has ended, for whatever reason.
    public var isClosed: Bool { socket == nil }

    /// The bytes that wait to be sent.
    public var pendingBytes: Int { output.bytes }

    /// Sends bytes, and descriptors (borrowed) with the first of them.
    public func send(_ bytes: [UInt8], descriptors: [Int32] = []) {
        send(RawSpan(), bytes, descriptors: descriptors)
    }

    /// Sends `head` and then `body`, in one system call where possible. Descriptors (borrowed) go with the first byte.
    public func send(_ head: RawSpan, _ body: [UInt8], descriptors: [Int32] = []) {
        guard let number = socketForSending else { return }
        do throws(SystemError) {
            if corks > 0 || !output.isEmpty {
                if head.isEmpty {
                    if descriptors.isEmpty {
                        output.append(body)
                    } else {
                        try output.append(unsafe body.span.bytes, descriptors: descriptors)
                    }
                } else {
                    try output.append(head, descriptors: descriptors)
                    output.append(body)
                }
                return
            }
            let sent = try Socket.send(number, head, unsafe body.span.bytes, descriptors: descriptors)
            let count = sent ?? 0
            guard count < head.byteCount + body.count else { return }
            let unsent = sent == nil ? descriptors : []
            if count < head.byteCount {
                try output.append(head.extracting(droppingFirst: count), descriptors: unsent)
                output.append(body)
            } else if unsent.isEmpty {
                output.append(body, from: count - head.byteCount)
            } else {
                try output.append(unsafe body.span.bytes, descriptors: unsent)
            }
            isBlocked = true
            updatePoll()
        } catch {
            fail(error)
        }
    }

    /// Runs `body` and sends what it sends with as few system calls as possible when it returns.
    public func coalescing(_ body: () -> Void) {
        cork()
        body()
        uncork()
    }

    /// Holds output back until the matching `uncork()`. Calls nest.
    public func cork() { corks += 1 }

    /// Sends what was held back since the matching `cork()`.
    public func uncork() {
        corks -= 1
        if corks == 0 && !output.isEmpty && !isBlocked { flush() }
    }

    /// Leaves what comes in the kernel, so that the peer has to wait.
    public func pauseReading() {
        isReading = false
        updatePoll()
    }

    /// Reads again.
    public func resumeReading() {
        isReading = true
        updatePoll()
    }

    /// Ends the stream at once. The delegate gets no further call.
    public func close() {
        poll?.close()
        poll = nil
        socket = nil
        output.removeAll()
        delegate = nil
    }

    /// Reads no more, and ends the stream when everything that waits is sent. A peer that does not read makes that take
    /// forever: the owner sets a limit by `close()`.
    public func closeAfterFlush() {
        guard !isClosed, !isFlushing else { return }
        isFlushing = true
        isReading = false
        updatePoll()
        if output.isEmpty && failure == nil {
            loop.afterThisTurn { [weak self] in self?.finishFlushing() }
        }
    }

    private var socketForSending: Int32? {
        guard failure == nil, !isFlushing else { return nil }
        return number
    }

    private var number: Int32? {
        switch socket {
        case .some(let socket): socket.rawValue
        case .none: nil
        }
    }

    private func updatePoll() {
        var events: Poll.Events = []
        if isReading { events.insert(.readable) }
        if isBlocked { events.insert(.writable) }
        poll?.update(events)
    }

    private func ready(_ events: Poll.Events) {
        if events.contains(.failed) {
            receive(untilEmpty: true)
            if !isClosed {
                let code = number.map { Socket.connectionError($0) } ?? 0
                finish(.failed(SystemError(code: code == 0 ? ECONNRESET : code, operation: "wait for the peer")))
            }
            return
        }
        if events.contains(.writable) && isBlocked { flush() }
        if events.contains(.readable) { receive(untilEmpty: false) }
    }

    /// Reads until a read does not fill the buffer or, where the loop will not say again that there is more, until
    /// nothing is left.
    private func receive(untilEmpty: Bool) {
        loop.withReceiveBuffer { buffer in
            for _ in 0..<(untilEmpty ? Self.lastReads : Self.readsPerTurn) {
                let count = receiveOnce(into: &buffer)
                if count == 0 || (count < buffer.count && !untilEmpty) { return }
            }
        }
    }

    /// Reads once and hands on what came. Returns how much that was.
    private func receiveOnce(into buffer: inout [UInt8]) -> Int {
        guard isReading, let number else { return 0 }
        var descriptors = DescriptorQueue()
        let count: Int
        do throws(SystemError) {
            var span = buffer.mutableSpan
            var bytes = unsafe span.mutableBytes
            guard let received = try Socket.receive(number, into: &bytes, descriptors: &descriptors) else { return 0 }
            count = received
        } catch {
            finish(.failed(error))
            return 0
        }
        if count == 0 {
            finish(.endOfStream)
            return 0
        }
        delegate?.stream(
            self, received: unsafe buffer.span.bytes.extracting(first: count), descriptors: &descriptors)
        return count
    }

    private func flush() {
        guard let number, failure == nil else { return }
        do throws(SystemError) {
            let wasBlocked = isBlocked
            isBlocked = try !output.send(to: number)
            updatePoll()
            if isBlocked { return }
            if isFlushing { return loop.afterThisTurn { [weak self] in self?.finishFlushing() } }
            if wasBlocked { delegate?.streamDidDrain(self) }
        } catch {
            fail(error)
        }
    }

    private func finishFlushing() {
        if !isClosed && output.isEmpty { finish(.flushed) }
    }

    /// Sending failed, perhaps deep inside a call of the user's: what the peer sent before it went is still delivered,
    /// and then the end, in a call of the loop's.
    private func fail(_ error: SystemError) {
        guard failure == nil else { return }
        failure = error
        output.removeAll()
        isBlocked = false
        poll?.update([])
        loop.afterThisTurn { [weak self] in
            guard let self, !isClosed else { return }
            receive(untilEmpty: true)
            finish(.failed(error))
        }
    }

    private func finish(_ reason: StreamCloseReason) {
        guard !isClosed else { return }
        let user = delegate
        close()
        user?.streamDidClose(self, reason: reason)
    }
}
