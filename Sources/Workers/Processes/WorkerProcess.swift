internal import EventLoop
internal import Glibc
internal import Linux
internal import WorkerProtocol

/// What an address space hears from one of its processes.
protocol WorkerProcessDelegate: AnyObject {
    /// It is locked down and takes orders.
    func processIsReady(_ process: WorkerProcess)
    /// It said something that is well formed. Whether it can be true is the delegate's to judge.
    func process(_ process: WorkerProcess, said record: WorkerRecord)
    /// The descriptor of a file of the address space, borrowed.
    func process(_ process: WorkerProcess, descriptorOfFile index: Int) -> Int32?
    /// It is over and has been collected: nothing of it runs any more. The last thing that it is heard of.
    func process(_ process: WorkerProcess, ended failure: WorkerFailure)
}

/// One process of an address space: its channel, its gate, its end.
final class WorkerProcess {
    private static let messagesPerTurn = 64
    private static let tolerableRefusals = 64

    weak var delegate: (any WorkerProcessDelegate)?
    private(set) var isReady = false

    private let loop: EventLoop
    private let options: WorkerOptions
    private let channel: FileDescriptor
    private var channelPoll: Poll?
    private var child: ChildProcess?
    private var listener: Listener?
    private var gate = MappingGate()
    private var queue: [HostRecord] = []
    private var firstQueued = 0
    private var flushIsDue = false
    private var waitsForRoom = false
    private var failure: WorkerFailure?
    /// Keeps a closed process until it is gone.
    private var farewell: (process: WorkerProcess, gone: () -> Void)?
    private var buffer = [UInt8](repeating: 0, count: Record.size * Record.maximumPerMessage)

    /// The seccomp listener with its poll.
    private final class Listener {
        let listener: SeccompListener
        var poll: Poll?

        init(_ listener: consuming SeccompListener) { self.listener = listener }
    }

    /// Starts the program. Nothing is heard of it before the loop runs.
    init(_ loop: EventLoop, _ options: WorkerOptions) throws(SystemError) {
        self.loop = loop
        self.options = options
        let pair = try SocketPair(.sequentialPacket, nonBlocking: true)
        channel = pair.first
        let poll = try Poll(loop, descriptor: channel.rawValue) { [unowned self] events in channelIsReady(events) }
        channelPoll = poll
        poll.update(.readable)
        do {
            child = try ChildProcess(
                loop, executable: options.executable, arguments: ["\(options.engines)", "\(options.lanes)"],
                environment: [], descriptors: [pair.second.rawValue]
            ) { [weak self] status in self?.hasExited(status) }
        } catch {
            poll.close()
            throw error
        }
    }

    var processID: Int32? { child?.processID }

    /// Kills the process without hearing more of it than that it is gone: nothing of it runs when `gone` is called.
    func close(_ gone: @escaping () -> Void) {
        delegate = nil
        stopListening()
        guard let child else { return gone() }
        try? child.signal(SIGKILL)
        // The process has no owner any more, but it must be collected.
        farewell = (self, gone)
    }

    /// Kills the process; `ended` follows when it is gone. The first reason counts.
    func kill(_ reason: WorkerFailure) {
        guard failure == nil else { return }
        failure = reason
        stopListening()
        try? child?.signal(SIGKILL)
    }

    private func stopListening() {
        channelPoll?.close()
        channelPoll = nil
        listener?.poll?.close()
        listener = nil
        queue = []
        firstQueued = 0
    }

    private func hasExited(_ status: ExitStatus) {
        if let gone = farewell?.gone {
            child = nil
            farewell = nil
            return gone()
        }
        // What it said before it went still counts.
        if failure == nil { readChannel(limit: .max) }
        stopListening()
        child = nil
        delegate?.process(self, ended: failure ?? .ended(status))
    }

    // MARK: - Orders

    /// Queues a record; it goes out at the end of the loop's turn. A mapping that continues the one before joins it.
    func send(_ record: HostRecord) {
        guard failure == nil else { return }
        if case .map(let next) = record, firstQueued < queue.count, case .map(let last)? = queue.last,
            let both = last.joined(with: next)
        {
            queue[queue.count - 1] = .map(both)
            return
        }
        queue.append(record)
        let waiting = queue.count - firstQueued
        guard waiting <= options.maximumQueuedOrders else { return kill(.behind(orders: waiting)) }
        guard !flushIsDue, !waitsForRoom else { return }
        flushIsDue = true
        loop.afterThisTurn { [weak self] in
            self?.flushIsDue = false
            self?.flush()
        }
    }

    private func flush() {
        do {
            while firstQueued < queue.count {
                let end = min(queue.count, firstQueued + Record.maximumPerMessage)
                var bytes: [UInt8] = []
                for record in queue[firstQueued..<end] { record.record.append(to: &bytes) }
                guard try Socket.send(channel.rawValue, unsafe bytes.span.bytes) != nil else {
                    return waitForRoom(true)
                }
                for case .map(let order) in queue[firstQueued..<end] { gate.expect(order) }
                firstQueued = end
            }
            queue.removeAll(keepingCapacity: queue.capacity <= 4096)
            firstQueued = 0
            waitForRoom(false)
        } catch {
            // The end of the process says more, if that is what it is.
            if error.code != EPIPE, error.code != ECONNRESET { kill(.channel(error)) }
        }
    }

    private func waitForRoom(_ waits: Bool) {
        waitsForRoom = waits
        channelPoll?.update(waits ? [.readable, .writable] : .readable)
    }

    /// Offers the worker the image that it asked for.
    func offer(_ image: CodeImage, job: UInt64, engine: UInt32) {
        gate.offer(image)
        send(.codeReady(job: job, engine: engine, image: image.size))
    }

    // MARK: - Records

    private func channelIsReady(_ events: Poll.Events) {
        if events.contains(.writable) { flush() }
        if !events.isDisjoint(with: [.readable, .failed]) { readChannel(limit: WorkerProcess.messagesPerTurn) }
    }

    private func readChannel(limit: Int) {
        var count = 0
        while count < limit, failure == nil, channelPoll != nil {
            count += 1
            var descriptors = DescriptorQueue()
            do {
                var span = buffer.mutableSpan
                var bytes = unsafe span.mutableBytes
                guard let size = try Socket.receive(channel.rawValue, into: &bytes, descriptors: &descriptors) else {
                    return
                }
                guard size > 0 else {
                    // Its end of the channel closes with the process: `hasExited` follows.
                    channelPoll?.update([])
                    return
                }
                take(size, &descriptors)
            } catch {
                guard error.code == ECONNRESET else { return kill(.channel(error)) }
                channelPoll?.update([])
                return
            }
        }
    }

    private func take(_ size: Int, _ descriptors: inout DescriptorQueue) {
        var offset = 0
        do {
            repeat {
                let bytes = unsafe buffer.span.bytes.extracting(0..<size)
                let record = try WorkerRecord(Record(bytes, at: offset))
                offset += Record.size
                take(record, &descriptors)
            } while offset < size && failure == nil
        } catch {
            kill(.badRecord(error))
        }
    }

    private func take(_ record: WorkerRecord, _ descriptors: inout DescriptorQueue) {
        switch record {
        case .hello(let version):
            guard listener == nil, version == Channel.version, descriptors.count == 1,
                let descriptor = descriptors.takeFirst()
            else { return kill(.contradiction("greeted in version \(version) with \(descriptors.count) descriptors")) }
            do {
                try listen(SeccompListener(adopting: descriptor))
            } catch {
                kill(.channel(error))
            }
        case .ready:
            guard listener != nil, !isReady else { return kill(.contradiction("became ready out of turn")) }
            isReady = true
            delegate?.processIsReady(self)
        case .failed(let stage, let code):
            guard !isReady else { return kill(.contradiction("failed to start after it had started")) }
            kill(.start(stage, code: code))
        default:
            guard isReady, descriptors.isEmpty else { return kill(.contradiction("spoke before it was ready")) }
            delegate?.process(self, said: record)
        }
    }

    // MARK: - Mappings

    private func listen(_ listener: consuming SeccompListener) throws(SystemError) {
        let box = Listener(listener)
        _ = box.listener.useSynchronousWakeup()
        let poll = try Poll(loop, descriptor: box.listener.descriptor.rawValue) { [unowned self] events in
            listenerIsReady(events)
        }
        box.poll = poll
        self.listener = box
        poll.update(.readable)
    }

    private func listenerIsReady(_ events: Poll.Events) {
        guard let listener else { return }
        guard events.contains(.readable) else {
            // No thread uses the filter any more.
            listener.poll?.update([])
            return
        }
        do {
            guard let call = try listener.listener.receive() else { return }
            try answer(call, listener)
        } catch {
            // The caller has gone meanwhile.
            if error.code != ENOENT { kill(.channel(error)) }
        }
    }

    private func answer(_ call: SeccompNotification, _ listener: Listener) throws(SystemError) {
        switch gate.decide(call) {
        case .refuse:
            try listener.listener.fail(call.identifier, code: EPERM)
            if gate.refusals > WorkerProcess.tolerableRefusals { kill(.unorderedMappings(gate.refusals)) }
        case .allow(let place):
            if let place { try put(place, call, listener) }
            try listener.listener.allow(call.identifier)
        }
    }

    private func put(
        _ place: MappingGate.PlacedFile, _ call: SeccompNotification, _ listener: Listener
    ) throws(SystemError) {
        switch place {
        case .file(let index):
            guard let descriptor = delegate?.process(self, descriptorOfFile: index) else {
                throw SystemError(code: EBADF, operation: "find file \(index) of an address space")
            }
            try listener.listener.place(
                descriptor, as: Channel.firstFileDescriptor + UInt32(index), for: call.identifier)
        case .code:
            guard let image = gate.offeredImage else { return }
            try listener.listener.place(
                image.memory.descriptor.rawValue, as: Channel.codeDescriptor, for: call.identifier)
        }
    }
}

extension MapOrder {
    /// One order in place of two that continue each other in memory and in the file.
    fileprivate func joined(with next: MapOrder) -> MapOrder? {
        guard descriptor == next.descriptor, access == next.access, address + length == next.address,
            offset + length == next.offset
        else { return nil }
        var both = self
        both.length += next.length
        return both
    }
}
