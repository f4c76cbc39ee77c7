internal import EventLoop
internal import Glibc
public import Linux
internal import VMBus

/// One virtual machine's connection over shared memory: the host's side of QEMU's ivshmem-doorbell device, and what is
/// carried through it (docs/protocol/ivshmem.md).
///
/// The socket to QEMU only hands over memory and eventfds, and tells of the end. Who holds the carrier: the listener
/// until it is decided whether the guest may come in, its user from then on.
public final class IvshmemCarrier: GuestCarrier {
    public let peer: PeerIdentity
    public weak var delegate: (any GuestCarrierDelegate)?

    private let loop: EventLoop
    private let limits: CarrierLimits
    private let events: StreamEvents
    private let stream: Stream
    private var memory: IvshmemMemory?
    private var doorbells: IvshmemDoorbells?
    private var functions = FunctionSlots(count: 0)
    private var isClosed = false
    /// The attach request that was answered last, and the configuration request.
    private var attachAnswer: UInt32 = 0
    private var configurationAnswer: UInt32 = 0
    private var functionGenerationSeen: UInt32 = 0

    /// What lasts from one attach to the next.
    private struct Attachment {
        /// Where the memory is in the guest.
        let address: UInt64
        let control: RingPair
        /// Open channels by relid, and the relids in order of their numbers.
        var channels: [UInt32: Channel] = [:]
        var memory = SharedGuestMemory()
    }

    private final class Channel {
        let rings: RingPair
        let vector: Int
        var isBroken = false

        init(_ rings: RingPair, relid: UInt32) {
            self.rings = rings
            vector = 1 + Int((relid &- 1) % UInt32(IvshmemLayout.vectors - 1))
        }
    }

    private var attachment: Attachment?
    /// What was sent while packets are handled is shown to the guest afterwards, all at once.
    private var isHandling = false
    private var unpublished: [UInt32] = []
    private var isControlUnpublished = false
    /// Ends a hold that the owner asked for.
    private var hold: Timer?

    /// Packets of one ring that are handled before others have their turn.
    private static let packetsPerTurn = 64

    /// Takes over QEMU's connection. Nothing happens before ``admit()``.
    init(
        _ loop: EventLoop, socket: consuming FileDescriptor, peer: PeerIdentity, limits: CarrierLimits,
        delegate: any GuestCarrierDelegate
    ) throws(SystemError) {
        self.loop = loop
        self.peer = peer
        self.limits = limits
        self.delegate = delegate
        events = StreamEvents()
        stream = try Stream(loop, socket: socket, delegate: events)
        events.carrier = self
    }

    // MARK: The beginning

    /// Asks the delegate whether the guest may come in, and hands QEMU the memory if so.
    func admit() {
        guard let delegate else { return end(.closedByHost) }
        switch delegate.carrier(self, admit: Hello(), peer: peer) {
        case .refuse(let code, let text):
            end(.refused(code, text))
        case .admit(let admission):
            guard !isClosed else { return }
            do throws(SystemError) {
                try begin(admission)
            } catch {
                end(.failed(error))
            }
        }
    }

    private func begin(_ admission: Admission) throws(SystemError) {
        guard let memory else { preconditionFailure("a guest was admitted without an IO space") }
        let doorbells = try IvshmemDoorbells(loop) { [weak self] in self?.rang($0) }
        self.doorbells = doorbells
        memory.writeHeader(guestID: admission.guestID)
        for slot in 0..<IvshmemLayout.functionSlots {
            memory.storeConfiguration(FunctionSlots.noFunction, slot: slot)
        }
        functions = FunctionSlots(count: Int(admission.functionCount))
        updateFunctions(seen: nil)
        let (host, guest) = doorbells.descriptors
        send(0)
        send(IvshmemLayout.guestPeer)
        send(-1, memory.file.descriptor.rawValue)
        for descriptor in host { send(Int64(IvshmemLayout.hostPeer), descriptor) }
        for descriptor in guest { send(IvshmemLayout.guestPeer, descriptor) }
    }

    /// One word of the ivshmem server's protocol (docs/protocol/ivshmem.md 1).
    private func send(_ word: Int64, _ descriptor: Int32? = nil) {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
        stream.send(bytes, descriptors: descriptor.map { [$0] } ?? [])
    }

    public func makeIOSpace(name: String, bytes: UInt64) throws(SystemError) -> IOSpaceMemory {
        let memory = try IvshmemMemory(name: name, ioSpaceBytes: bytes)
        self.memory = memory
        return memory.ioSpace
    }

    // MARK: Doorbells

    private func rang(_ vector: Int) {
        guard !isClosed else { return }
        if vector == 0 { lookAtEverythingElse() }
        guard attachment != nil, hold == nil else { return }
        handle {
            if vector == 0 {
                serveControl()
            } else {
                serveChannels(of: vector)
            }
        }
    }

    /// What vector 0 stands for besides control messages (docs/protocol/ivshmem.md 6).
    private func lookAtEverythingElse() {
        guard let memory else { return }
        let request = memory.load(.attachRequest)
        if request != 0, request != attachAnswer { attach(request, memory) }
        guard attachment != nil else { return }
        let configuration = memory.load(.configurationRequest)
        if configuration != configurationAnswer { writeConfiguration(configuration, memory) }
        let seen = memory.load(.functionGenerationSeen)
        if seen != functionGenerationSeen {
            functionGenerationSeen = seen
            functionsChanged()
        }
    }

    /// Runs `body` and then shows the guest what was sent meanwhile.
    private func handle(_ body: () -> Void) {
        isHandling = true
        body()
        isHandling = false
        let relids = unpublished
        unpublished = []
        for relid in relids {
            if let channel = attachment?.channels[relid] { publish(channel, relid) }
        }
        if isControlUnpublished {
            isControlUnpublished = false
            publishControl()
        }
    }

    private func serveControl() {
        guard let control = attachment?.control else { return }
        publishControl()
        var badBytes: Int?
        do throws(RingViolation) {
            let pass = try control.receive(limit: Self.packetsPerTurn) { bytes in
                guard let packet = try? Packet(bytes), packet.header.type == .inBandData,
                    (8...240).contains(packet.payload.byteCount)
                else {
                    badBytes = bytes.byteCount
                    return false
                }
                delegate?.carrier(self, controlMessage: packet.payload)
                return isServing(control)
            }
            if pass.signals { doorbells?.interrupt(0) }
            if pass.isUnfinished { doorbells?.lookAgain(0) }
        } catch {
            return end(.brokenControlRing("\(error)"))
        }
        if let badBytes { end(.brokenControlRing("a packet of \(badBytes) bytes is no control message")) }
    }

    /// Whether the next control message is to be taken: the last one may have ended everything.
    private func isServing(_ control: RingPair) -> Bool {
        !isClosed && hold == nil && attachment?.control === control
    }

    private func serveChannels(of vector: Int) {
        guard let attachment else { return }
        for relid in attachment.channels.keys.sorted() {
            guard let channel = self.attachment?.channels[relid], channel.vector == vector else { continue }
            serve(channel, relid)
        }
    }

    private func serve(_ channel: Channel, _ relid: UInt32) {
        publish(channel, relid)
        guard !channel.isBroken else { return }
        do throws(RingViolation) {
            let pass = try channel.rings.receive(limit: Self.packetsPerTurn) { bytes in
                delegate?.carrier(self, packet: bytes, relid: relid)
                return !isClosed && hold == nil && attachment?.channels[relid] === channel && !channel.isBroken
            }
            if pass.signals { doorbells?.interrupt(channel.vector) }
            if pass.isUnfinished { doorbells?.lookAgain(channel.vector) }
        } catch {
            broken(channel, relid, "\(error)")
        }
    }

    // MARK: Attaching

    /// A driver begins anew: what an earlier one left is ended first (docs/protocol/ivshmem.md 5).
    private func attach(_ request: UInt32, _ memory: IvshmemMemory) {
        if attachment != nil {
            attachment = nil
            hold = nil
            delegate?.carrierRestarted(self)
            guard !isClosed else { return }
        }
        // A request of the driver before, which nobody waits for.
        configurationAnswer = memory.load(.configurationRequest)
        memory.store(configurationAnswer, .configurationAnswer)
        functionGenerationSeen = memory.load(.functionGenerationSeen)
        var status: RefusalCode?
        do throws(AttachRefusal) {
            attachment = try makeAttachment(memory)
        } catch {
            status = error.code
            delegate?.carrier(self, complains: "a driver was not attached: \(error)")
        }
        if let regions = attachment?.memory.regions { delegate?.carrier(self, sharedMemory: regions) }
        updateFunctions(seen: nil)
        memory.store(status?.rawValue ?? 0, .attachStatus)
        memory.store(request, .attachAnswer)
        attachAnswer = request
        doorbells?.interrupt(0)
    }

    private func makeAttachment(_ memory: IvshmemMemory) throws(AttachRefusal) -> Attachment {
        let version = memory.load(.version)
        guard UInt16(truncatingIfNeeded: version) == IvshmemLayout.majorVersion else {
            throw .version(major: UInt16(truncatingIfNeeded: version), minor: UInt16(version >> 16))
        }
        let address = UInt64(memory.load(.addressLow)) | UInt64(memory.load(.addressHigh)) << 32
        let (end, overflow) = address.addingReportingOverflow(memory.file.bytes)
        guard address % 4096 == 0, !overflow, end <= 1 << 52 else { throw .address(address) }
        do {
            let ram = try delegate?.carrierNeedsRAM(self)
            let pieces = ram?.regions ?? []
            guard pieces.allSatisfy({ end <= $0.base || $0.base + $0.bytes <= address }) else {
                throw AttachRefusal.overRAM(address)
            }
            let region = MemoryRegion(base: address, bytes: memory.file.bytes, fileOffset: 0)
            var shared = [try SharedRegion(region, index: 0, file: memory.file.descriptor.duplicate())]
            if let ram {
                for piece in pieces {
                    let file = try ram.file.descriptor.duplicate()
                    shared.append(try SharedRegion(piece, index: shared.count, file: file))
                }
            }
            let rings = memory.emptyControlRings()
            let control = try RingPair(fromGuest: rings.fromGuest, toGuest: rings.toGuest)
            var attachment = Attachment(address: address, control: control)
            try attachment.memory.add(shared, limit: limits.memoryRegions)
            return attachment
        } catch let refusal as AttachRefusal {
            throw refusal
        } catch {
            throw .failed("\(error)")
        }
    }

    // MARK: Configuration

    private func writeConfiguration(_ request: UInt32, _ memory: IvshmemMemory) {
        let place = memory.load(.configurationPlace)
        let width = UInt16(truncatingIfNeeded: memory.load(.configurationWidth))
        let address = ConfigurationAddress(
            function: place & 0xFFFF, offset: UInt16(place >> 16), width: width)
        if [1, 2, 4].contains(width) {
            delegate?.carrier(self, writeConfiguration: address, value: memory.load(.configurationValue))
            functionsChanged()
        } else {
            delegate?.carrier(self, complains: "a configuration write of \(width) bytes")
        }
        configurationAnswer = request
        memory.store(request, .configurationAnswer)
    }

    public func functionsChanged() {
        guard attachment != nil else { return }
        updateFunctions(seen: functionGenerationSeen)
    }

    private func updateFunctions(seen: UInt32?) {
        guard let delegate, let memory, !isClosed else { return }
        let hasChanged = functions.update(seen: seen) { slot in
            (0..<ConfigurationSpace.size / 4).map {
                let address = ConfigurationAddress(function: UInt32(slot), offset: UInt16(4 * $0), width: 4)
                return delegate.carrier(self, readConfiguration: address)
            }
        } show: { slot, words in
            memory.storeConfiguration(words, slot: slot)
        }
        guard hasChanged else { return }
        memory.store(functions.generation, .functionGeneration)
        if attachment != nil { doorbells?.interrupt(0) }
    }

    // MARK: Sending

    public func send(controlMessage: [UInt8]) {
        guard !isClosed, let control = attachment?.control else { return }
        do {
            var packet = [UInt8](repeating: 0, count: PacketHeader.size) + controlMessage
            try Packet.seal(&packet, type: .inBandData, transactionID: 0)
            try control.send(packet)
            guard control.waitingBytes <= limits.queuedBytes else {
                return end(.overflow(pendingBytes: control.waitingBytes, limit: limits.queuedBytes))
            }
            if isHandling { isControlUnpublished = true } else { publishControl() }
        } catch {
            end(.brokenControlRing("\(error)"))
        }
    }

    public func send(packet: [UInt8], relid: UInt32) {
        guard !isClosed, let channel = attachment?.channels[relid], !channel.isBroken else { return }
        do throws(RingViolation) {
            try channel.rings.send(packet)
        } catch {
            return broken(channel, relid, "\(error)")
        }
        guard channel.rings.waitingBytes <= limits.queuedBytes else {
            return broken(channel, relid, "the guest left \(channel.rings.waitingBytes) bytes unread")
        }
        guard isHandling else { return publish(channel, relid) }
        if !unpublished.contains(relid) { unpublished.append(relid) }
    }

    private func publish(_ channel: Channel, _ relid: UInt32) {
        guard !channel.isBroken else { return }
        do throws(RingViolation) {
            if try channel.rings.publish() { doorbells?.interrupt(channel.vector) }
        } catch {
            broken(channel, relid, "\(error)")
        }
    }

    private func publishControl() {
        guard let control = attachment?.control else { return }
        do throws(RingViolation) {
            if try control.publish() { doorbells?.interrupt(0) }
        } catch {
            end(.brokenControlRing("\(error)"))
        }
    }

    /// A guest that can see the IO space needs not be told.
    public func ioChanged(offset: UInt64, bytes: [UInt8]) {}

    // MARK: Channels

    public func openChannel(relid: UInt32, rings: ChannelRings?) throws(ChannelRefusal) {
        guard let rings else { throw .ringsNeeded }
        guard let memory, let attachment else { throw .ringsOutOfReach }
        let (fromGuest, toGuest) = try memory.rings(rings, address: attachment.address)
        do throws(RingViolation) {
            let channel = Channel(try RingPair(fromGuest: fromGuest, toGuest: toGuest), relid: relid)
            self.attachment?.channels[relid] = channel
            // The guest may write before it hears that the channel is open.
            doorbells?.lookAgain(channel.vector)
        } catch {
            throw .badRings(error)
        }
    }

    public func closeChannel(relid: UInt32) { attachment?.channels[relid] = nil }

    /// The user hears of it at the end of the turn: this may be deep inside a call of its own.
    private func broken(_ channel: Channel, _ relid: UInt32, _ reason: String) {
        guard !channel.isBroken else { return }
        channel.isBroken = true
        loop.afterThisTurn { [weak self] in
            guard let self, !isClosed, attachment?.channels[relid] === channel else { return }
            delegate?.carrier(self, channelBroken: relid, reason: reason)
        }
    }

    // MARK: Guest memory

    public func readGuestMemory(
        address: UInt64, length: Int, completion: @escaping (Result<[UInt8], SystemError>) -> Void
    ) {
        guard let memory = attachment?.memory else { return completion(.failure(Self.gone)) }
        completion(Result { () throws(SystemError) in try memory.read(address: address, count: length) })
    }

    public func writeGuestMemory(
        address: UInt64, bytes: [UInt8], completion: @escaping (Result<Void, SystemError>) -> Void
    ) {
        guard let memory = attachment?.memory else { return completion(.failure(Self.gone)) }
        completion(Result { () throws(SystemError) in try memory.write(address: address, unsafe bytes.span.bytes) })
    }

    private static let gone = SystemError(code: ENOTCONN, operation: "reach guest memory")

    // MARK: Holding and ending

    public func holdReading(forNanoseconds nanoseconds: UInt64) {
        guard !isClosed else { return }
        let timer = hold ?? Timer(loop) { [weak self] in self?.holdEnded() }
        hold = timer
        timer.start(afterNanoseconds: nanoseconds)
    }

    private func holdEnded() {
        hold = nil
        for vector in 0..<IvshmemLayout.vectors { doorbells?.lookAgain(vector) }
    }

    public func refuse(_ code: RefusalCode, _ text: String) { end(.refused(code, text)) }

    fileprivate func received(_ count: Int) {
        end(.unexpectedBytes(count))
    }

    fileprivate func streamClosed(_ reason: StreamCloseReason) {
        switch reason {
        case .endOfStream, .flushed: end(.guestLeft)
        case .failed(let error) where error.code == ECONNRESET || error.code == EPIPE: end(.guestLeft)
        case .failed(let error): end(.failed(error))
        }
    }

    /// Ends the carrier, perhaps from deep inside a call of the user's: the user hears of it at the end of the turn.
    private func end(_ reason: CarrierCloseReason) {
        guard !isClosed else { return }
        isClosed = true
        attachment = nil
        hold = nil
        memory?.store(1, .hostState)
        doorbells?.interrupt(0)
        doorbells?.close()
        stream.close()
        loop.afterThisTurn { [self] in
            delegate?.carrier(self, closed: reason)
            delegate = nil
            memory = nil
            doorbells = nil
        }
    }
}

/// Why a driver is not attached (docs/protocol/ivshmem.md 5).
private enum AttachRefusal: Error, CustomStringConvertible {
    case version(major: UInt16, minor: UInt16)
    case address(UInt64)
    case overRAM(UInt64)
    case failed(String)

    var code: RefusalCode {
        switch self {
        case .version: .version
        case .address, .overRAM: .protocolError
        case .failed: .resourceLimit
        }
    }

    var description: String {
        switch self {
        case .version(let major, let minor): "it speaks version \(major).\(minor)"
        case .address(let address): "the memory cannot be at 0x\(String(address, radix: 16))"
        case .overRAM(let address): "the memory is at 0x\(String(address, radix: 16)), over the machine's RAM"
        case .failed(let reason): reason
        }
    }
}

/// Keeps the stream's calls out of the carrier's public face.
private final class StreamEvents: StreamDelegate {
    weak var carrier: IvshmemCarrier?

    func stream(_ stream: Stream, received bytes: RawSpan, descriptors: inout DescriptorQueue) {
        carrier?.received(bytes.byteCount)
    }

    func streamDidDrain(_ stream: Stream) {}

    func streamDidClose(_ stream: Stream, reason: StreamCloseReason) { carrier?.streamClosed(reason) }
}
