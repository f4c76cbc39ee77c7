public import EventLoop
internal import Glibc
public import Linux
public import VMBus

/// One guest's connection over a byte stream (docs/protocol/carrier.md).
///
/// Who holds it: the listener until the guest is admitted, its user from then on. A carrier that nobody holds any more
/// closes its connection. All of it happens on the loop's thread.
public final class StreamCarrier: GuestCarrier {
    /// What the kernel says about the other end.
    public let peer: PeerIdentity
    /// What the guest said about itself, once it did.
    public private(set) var hello: Hello?
    /// The guest's id, once it is admitted.
    public private(set) var guestID: GUID?

    /// Who hears of the guest. It may change at any time, as when an admitted guest gets an owner of its own.
    public weak var delegate: (any GuestCarrierDelegate)?
    private let loop: EventLoop
    private let limits: CarrierLimits
    private let events: StreamEvents
    private let stream: Stream
    private var session: StreamCarrierSession
    private var parser = FrameParser()
    private var descriptors = DescriptorQueue()
    private let requests: MemoryRequests
    private var memory = SharedGuestMemory()
    private var deadline: Timer?
    private var isPaused = false
    /// Ends a hold that the owner asked for.
    private var hold: Timer?
    /// Keeps the carrier while the reason of a refusal is on its way.
    private var farewell: StreamCarrier?

    /// Called once when the connection is admitted or ends without that.
    var onDecided: (() -> Void)?

    /// Waits for the guest's HELLO on a connected, non-blocking socket. `carriesDescriptors` tells whether descriptors
    /// reach the guest itself: not over vsock, nor over hybrid vsock, where they would end in the monitor.
    public init(
        _ loop: EventLoop, socket: consuming FileDescriptor, peer: PeerIdentity, carriesDescriptors: Bool,
        limits: CarrierLimits = CarrierLimits(), delegate: any GuestCarrierDelegate
    ) throws(SystemError) {
        self.loop = loop
        self.peer = peer
        self.limits = limits
        self.delegate = delegate
        session = StreamCarrierSession(limits: limits, carriesDescriptors: carriesDescriptors)
        requests = MemoryRequests(maximumRequests: limits.memoryRequests, maximumParts: limits.memoryFrames)
        events = StreamEvents()
        stream = try Stream(loop, socket: socket, delegate: events)
        events.carrier = self
        let milliseconds = limits.helloNanoseconds / 1_000_000
        let deadline = Timer(loop) { [weak self] in
            self?.end(.violation(.helloTimeout(milliseconds: milliseconds)))
        }
        deadline.start(afterNanoseconds: limits.helloNanoseconds)
        self.deadline = deadline
    }

    /// What the guest may use; empty before it is admitted.
    public var grantedFeatures: CarrierFeatures { session.grantedFeatures }

    /// How far the connection got.
    public var state: StreamCarrierSession.State { session.state }

    /// The bytes that wait to be sent.
    public var pendingBytes: Int { stream.pendingBytes }

    public func send(controlMessage: [UInt8]) {
        send(FrameHeader(.message, payloadBytes: controlMessage.count), controlMessage)
    }

    public func send(packet: [UInt8], relid: UInt32) {
        send(FrameHeader(.packet, payloadBytes: packet.count, relid: relid), packet)
    }

    /// A file of its own, which the guest gets if it may share it.
    public func makeIOSpace(name: String, bytes: UInt64) throws(SystemError) -> IOSpaceMemory {
        try IOSpaceMemory(file: try SharedMemory(name: name, bytes: bytes), bytes: bytes)
    }

    /// Channels without rings need nothing here.
    public func openChannel(relid: UInt32, rings: ChannelRings?) throws(ChannelRefusal) {
        guard rings == nil else { throw .ringsNotGranted }
    }

    public func closeChannel(relid: UInt32) {}

    /// The guest asks for each word.
    public func functionsChanged() {}

    /// Tells the guest of changed bytes of the IO space, as far as it watches them.
    public func ioChanged(offset: UInt64, bytes: [UInt8]) {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(bytes.count))
        guard session.state == .admitted, !bytes.isEmpty, !overflow else { return }
        // A copy: sending may end the session.
        let session = session
        session.forEachWatchedPart(of: offset..<end) { part in
            var start = part.lowerBound
            while start < part.upperBound {
                let next = min(part.upperBound, start + UInt64(MemoryRequests.maximumPartBytes))
                let isWhole = next - start == UInt64(bytes.count)
                let piece = isWhole ? bytes : Array(bytes[Int(start - offset)..<Int(next - offset)])
                send(.ioChanged(offset: start, piece))
                start = next
            }
        }
    }

    public func readGuestMemory(
        address: UInt64, length: Int, completion: @escaping (Result<[UInt8], SystemError>) -> Void
    ) {
        guard session.state == .admitted else { return completion(.failure(Self.gone)) }
        if session.grantedFeatures.contains(.sharedMemory) {
            return completion(Result { () throws(SystemError) in try memory.read(address: address, count: length) })
        }
        requests.read(address, length, completion)
        sendRequests()
    }

    public func writeGuestMemory(
        address: UInt64, bytes: [UInt8], completion: @escaping (Result<Void, SystemError>) -> Void
    ) {
        guard session.state == .admitted else { return completion(.failure(Self.gone)) }
        if session.grantedFeatures.contains(.sharedMemory) {
            return completion(
                Result { () throws(SystemError) in try memory.write(address: address, unsafe bytes.span.bytes) })
        }
        requests.write(address, bytes) { completion($0.map { _ in }) }
        sendRequests()
    }

    /// Handles no more of the guest's frames for a while, and reads none beyond what has arrived. A later hold replaces
    /// an earlier one. What is answered to frames before it goes out as usual.
    public func holdReading(forNanoseconds nanoseconds: UInt64) {
        guard session.state == .admitted else { return }
        let timer = hold ?? Timer(loop) { [weak self] in self?.holdEnded() }
        hold = timer
        timer.start(afterNanoseconds: nanoseconds)
        stream.pauseReading()
    }

    private func holdEnded() {
        hold = nil
        guard !isPaused else { return resume() }
        parse(RawSpan())
        if !isPaused, hold == nil, session.state == .admitted { stream.resumeReading() }
    }

    /// Runs `body` and sends what it sends with as few system calls as possible when it returns.
    public func coalescing(_ body: () -> Void) {
        stream.coalescing(body)
    }

    /// Ends the connection and tells the guest why.
    public func refuse(_ code: RefusalCode, _ text: String) {
        end(.refused(code, text))
    }

    /// Ends the connection at once.
    public func close() {
        end(.closedByHost)
    }

    /// Ends the connection for what the guest did.
    func refuse(_ violation: CarrierViolation) {
        end(.violation(violation))
    }

    private static let gone = SystemError(code: ENOTCONN, operation: "reach guest memory")

    private func send(_ header: FrameHeader, _ payload: [UInt8]) {
        guard session.state == .admitted else { return }
        let head = header.encoded
        stream.send(unsafe head.span.bytes, payload)
        checkQueue()
    }

    private func send(_ frame: Frame, descriptors: [Int32] = []) {
        guard session.state == .admitted else { return }
        stream.send(unsafe frame.head.span.bytes, frame.body, descriptors: descriptors)
        checkQueue()
    }

    private func checkQueue() {
        let pending = stream.pendingBytes
        if pending > limits.queuedBytes {
            end(.overflow(pendingBytes: pending, limit: limits.queuedBytes))
        } else if pending > limits.pausingBytes && !isPaused {
            isPaused = true
            stream.pauseReading()
        }
    }

    /// Requests go out only while the queue is short, so that a large one does not fill it.
    private func sendRequests() {
        while session.state == .admitted, stream.pendingBytes <= limits.pausingBytes, let frame = requests.nextFrame() {
            send(frame)
        }
    }

    fileprivate func received(_ bytes: RawSpan, _ incoming: inout DescriptorQueue) {
        guard session.state != .closing else { return }
        incoming.move(to: &descriptors)
        parse(bytes)
        resume()
    }

    fileprivate func drained() {
        sendRequests()
        resume()
    }

    /// Goes on with what was left when output had to wait, and reads again once all of that is handled.
    private func resume() {
        while isPaused && hold == nil && session.state == .admitted && stream.pendingBytes == 0 {
            isPaused = false
            parse(RawSpan())
            if !isPaused, hold == nil { stream.resumeReading() }
        }
    }

    /// Handles frames until all are handled or output has to wait.
    private func parse(_ bytes: RawSpan) {
        stream.cork()
        var parser = FrameParser()
        swap(&parser, &self.parser)
        do throws(CarrierViolation) {
            let isComplete = try parser.parse(bytes) { (header) throws(CarrierViolation) in
                try session.check(header)
            } body: { (header, payload) throws(CarrierViolation) in
                try handle(header, payload)
                return session.state == .admitted && !isPaused && hold == nil
            }
            if isComplete && session.state != .closing {
                try session.checkWaitingDescriptors(
                    descriptors.count, partialBytes: parser.keptBytes, partial: parser.partialHeader)
            }
        } catch {
            end(.violation(error))
        }
        swap(&parser, &self.parser)
        stream.uncork()
    }

    private func handle(_ header: FrameHeader, _ payload: RawSpan) throws(CarrierViolation) {
        guard let delegate else { return end(.closedByHost) }
        switch try GuestFrame(header, payload) {
        case .hello(let hello):
            decide(hello, delegate)
        case .message(let bytes):
            delegate.carrier(self, controlMessage: bytes)
        case .packet(let bytes, let relid):
            delegate.carrier(self, packet: bytes, relid: relid)
        case .configurationRead(let address, let tag):
            send(.configurationValue(delegate.carrier(self, readConfiguration: address), tag: tag))
        case .configurationWrite(let address, let value, let tag):
            delegate.carrier(self, writeConfiguration: address, value: value)
            send(.configurationValue(0, tag: tag))
        case .memoryData(let status, let bytes, let tag):
            try requests.answer(status: status, data: bytes, tag: tag)
            sendRequests()
        case .memoryDone(let status, let tag):
            try requests.answer(status: status, tag: tag)
            sendRequests()
        case .ioRead(let range, let tag):
            readIOSpace(range, tag, delegate)
        case .ioWrite(let offset, let bytes, let tag):
            do throws(SystemError) {
                try delegate.carrier(self, writeIOSpace: offset, bytes: bytes)
                send(.ioDone(status: 0, tag: tag))
            } catch {
                send(.ioDone(status: -error.code, tag: tag))
            }
        case .ioWatch(let range, let isOn):
            try session.watch(range, isOn: isOn)
        case .shareMemory(let regions):
            try share(regions, delegate)
        case .ping(let bytes, let tag):
            send(.pong(bytes.array(), tag: tag))
        case .pong(_, let tag):
            throw .unknownTag(.pong, tag: tag)
        case .doorbell, .channelEvents:
            // The session refuses them: they need features that it never grants.
            throw .wrongDirection(header.type)
        }
    }

    private func readIOSpace(_ range: ByteRange, _ tag: UInt32, _ delegate: any GuestCarrierDelegate) {
        let limit = FrameHeader.maximumPayloadBytes - FrameType.ioData.minimumPayloadBytes
        guard range.length <= limit else { return send(.ioData(status: -EINVAL, [], tag: tag)) }
        do throws(SystemError) {
            let bytes = try delegate.carrier(self, readIOSpace: range.start, length: range.length)
            precondition(bytes.count == range.length, "an IO space read of another length than asked for")
            send(.ioData(status: 0, bytes, tag: tag))
        } catch {
            send(.ioData(status: -error.code, [], tag: tag))
        }
    }

    private func share(_ regions: [MemoryRegion], _ delegate: any GuestCarrierDelegate) throws(CarrierViolation) {
        let count = descriptors.count
        guard count == regions.count else {
            throw .descriptorCount(.shareMemory, count: count, expected: regions.count)
        }
        var shared: [SharedRegion] = []
        for (index, region) in regions.enumerated() {
            guard let file = descriptors.takeFirst() else { break }
            shared.append(try SharedRegion(region, index: index, file: file))
        }
        try memory.add(shared, limit: limits.memoryRegions)
        delegate.carrier(self, sharedMemory: shared)
    }

    private func decide(_ hello: Hello, _ delegate: any GuestCarrierDelegate) {
        self.hello = hello
        switch delegate.carrier(self, admit: hello, peer: peer) {
        case .refuse(let code, let text):
            refuse(code, text)
        case .admit(let admission):
            guard session.state == .awaitingHello else { return }
            deadline = nil
            var offered = admission.features
            if admission.ioSpaceDescriptor == nil { offered.remove(.sharedIOSpace) }
            let granted = session.negotiate(wanted: hello.wantedFeatures, offered: offered)
            session.admit(granted: granted, ioSpaceBytes: admission.ioSpaceBytes)
            guestID = admission.guestID
            decided()
            send(
                .welcome(
                    Welcome(
                        grantedFeatures: granted, guestID: admission.guestID, ioSpaceBytes: admission.ioSpaceBytes,
                        functionCount: admission.functionCount)))
            if granted.contains(.sharedIOSpace), let descriptor = admission.ioSpaceDescriptor {
                send(.ioSpace(bytes: admission.ioSpaceBytes), descriptors: [descriptor])
            }
        }
    }

    private func decided() {
        let body = onDecided
        onDecided = nil
        body?()
    }

    fileprivate func streamClosed(_ reason: StreamCloseReason) {
        farewell = nil
        switch reason {
        case .endOfStream: end(.guestLeft)
        case .flushed: break
        case .failed(let error): end(.failed(error))
        }
    }

    /// Ends the carrier, perhaps from deep inside a call of the user's: the user hears of it at the end of the turn.
    private func end(_ reason: CarrierCloseReason) {
        guard session.state != .closing else { return }
        session.close()
        deadline = nil
        hold = nil
        switch reason {
        case .violation(let violation): sayFarewell(violation.code, violation.description)
        case .refused(let code, let text): sayFarewell(code, text)
        default: stream.close()
        }
        loop.afterThisTurn { [self] in
            descriptors.closeAll()
            requests.failAll(Self.gone)
            decided()
            delegate?.carrier(self, closed: reason)
            delegate = nil
        }
    }

    private func sayFarewell(_ code: RefusalCode, _ text: String) {
        let frame = Frame.refused(code, text: text)
        stream.send(unsafe frame.head.span.bytes, frame.body)
        stream.closeAfterFlush()
        farewell = self
        let limit = Timer(loop) { [weak self] in
            self?.stream.close()
            self?.farewell = nil
        }
        limit.start(afterNanoseconds: limits.farewellNanoseconds)
        deadline = limit
    }
}

/// Keeps the stream's calls out of the carrier's public face.
private final class StreamEvents: StreamDelegate {
    weak var carrier: StreamCarrier?

    func stream(_ stream: Stream, received bytes: RawSpan, descriptors: inout DescriptorQueue) {
        carrier?.received(bytes, &descriptors)
    }

    func streamDidDrain(_ stream: Stream) { carrier?.drained() }

    func streamDidClose(_ stream: Stream, reason: StreamCloseReason) { carrier?.streamClosed(reason) }
}
