internal import Carriers
internal import DXGProtocol
internal import Linux
internal import Synchronization
internal import VMBus

/// The connection of a machine to its host: questions waiting for answers, messages waiting to be taken, and the two
/// threads that serve it.
///
/// The receiving thread never sends. What the host asks of the guest is answered by the other thread, so that a host
/// that cannot take more output is still listened to.
final class HostLink: Sendable {
    let connection: FrameConnection
    let memory: GuestMemory

    /// The VMBus control messages that came and were not taken.
    let messages = Monitor(MessageQueue())

    /// Values of watched parts of the IO space that the host has pushed.
    let watches = WatchedWords()

    /// The channel on which the host's own messages come; others are oddities (docs/protocol/semantics.md 1.7).
    let globalRelid = Atomic<UInt32>(0)

    private let tables = Mutex(Tables())
    private let errands = Monitor(ErrandQueue())
    private let threads = Mutex<[ServiceThread]>([])

    struct MessageQueue {
        var waiting: [VMBus.HostMessage] = []
        var end: GuestError?
    }

    private struct Tables {
        var answers: [UInt32: PendingReply] = [:]
        var completions: [UInt64: PendingReply] = [:]
        var events: [UInt64: GuestEvent] = [:]
        var nextTag: UInt32 = 1
        var nextTransaction: UInt64 = 1
        /// The Linux driver's first event has number 2 (docs/protocol/findings.md 2).
        var nextEvent: UInt64 = 2
        var deviceStateChanges: UInt64 = 0
        var oddities: [String] = []
        var end: GuestError?
    }

    private struct ErrandQueue {
        var waiting: [Errand] = []
        var isOver = false
    }

    /// What the host asks of the guest.
    private enum Errand {
        case read(ByteRange, tag: UInt32)
        case write(address: UInt64, [UInt8], tag: UInt32)
        case pong([UInt8], tag: UInt32)
    }

    init(_ connection: FrameConnection, memory: GuestMemory) {
        self.connection = connection
        self.memory = memory
    }

    /// The pointer that this guest gives CREATEDEVICE as its error counter, the same for all devices.
    static let deviceStateCookie: UInt64 = 0xFFFF_8880_0000_1000

    // MARK: Threads

    func start(_ reader: sending FrameReader) throws(GuestError) {
        let receiver = try ServiceThread { [self] in receiveAll(reader) }
        threads.withLock { $0.append(receiver) }
        let server = try ServiceThread { [self] in serveAll() }
        threads.withLock { $0.append(server) }
    }

    /// Ends the connection; who waits is told so.
    func close() {
        end(.disconnected(reason: "closed by the guest"))
        connection.shutDown()
        for thread in threads.withLock({ threads in
            defer { threads = [] }
            return threads
        }) {
            thread.join()
        }
    }

    private func receiveAll(_ reader: FrameReader) {
        do throws(GuestError) {
            while try reader.receive({ (header, payload) throws(CarrierViolation) in
                take(try HostFrame(header, payload))
                return true
            }) {}
            end(.disconnected(reason: "the host closed the connection"))
        } catch {
            end(error)
        }
    }

    private func serveAll() {
        while let errand = errands.wait(
            until: .never,
            { queue -> Errand?? in
                if queue.waiting.isEmpty { return queue.isOver ? .some(nil) : nil }
                return queue.waiting.removeFirst()
            }) ?? nil
        {
            do throws(GuestError) { try connection.send(answer(errand)) } catch { end(error) }
        }
    }

    private func answer(_ errand: Errand) -> Frame {
        switch errand {
        case .read(let range, let tag):
            do throws(GuestError) {
                let bytes = try memory.read(at: range.start, count: Int(range.length))
                return .memoryData(status: 0, bytes, tag: tag)
            } catch {
                return .memoryData(status: Self.badAddress, [], tag: tag)
            }
        case .write(let address, let bytes, let tag):
            do throws(GuestError) {
                try memory.write(bytes, at: address)
                return .memoryDone(status: 0, tag: tag)
            } catch {
                return .memoryDone(status: Self.badAddress, tag: tag)
            }
        case .pong(let bytes, let tag):
            return .pong(bytes, tag: tag)
        }
    }

    /// -EFAULT.
    private static let badAddress: Int32 = -14

    /// Tells all who wait that nothing comes any more. The first reason stays.
    private func end(_ error: GuestError) {
        let waiting = tables.withLock { tables -> ([PendingReply], [GuestEvent]) in
            if tables.end == nil { tables.end = error }
            defer {
                tables.answers = [:]
                tables.completions = [:]
            }
            return (Array(tables.answers.values) + Array(tables.completions.values), Array(tables.events.values))
        }
        for reply in waiting.0 { reply.fulfil(.failure(error)) }
        for event in waiting.1 { event.lose() }
        messages.update { if $0.end == nil { $0.end = error } }
        errands.update { $0.isOver = true }
    }

    // MARK: What comes in

    private func take(_ frame: consuming HostFrame) {
        switch consume frame {
        case .message(let bytes):
            do throws(ControlMessageError) {
                let message = try VMBus.HostMessage(decoding: bytes)
                messages.update { $0.waiting.append(message) }
            } catch {
                note("control message: \(error)")
            }
        case .packet(let bytes, let relid): take(packet: bytes, relid: relid)
        case .configurationValue(let value, let tag):
            fulfil(tag, (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
        case .ioData(let status, let bytes, let tag): fulfil(tag, [UInt8](copying: bytes), status: status)
        case .ioDone(let status, let tag): fulfil(tag, [], status: status)
        case .ioChanged(let offset, let bytes): watches.changed(offset, [UInt8](copying: bytes))
        case .memoryRead(let range, let tag): errands.update { $0.waiting.append(.read(range, tag: tag)) }
        case .memoryWrite(let address, let bytes, let tag):
            let bytes = [UInt8](copying: bytes)
            errands.update { $0.waiting.append(.write(address: address, bytes, tag: tag)) }
        case .ping(let bytes, let tag):
            let bytes = [UInt8](copying: bytes)
            errands.update { $0.waiting.append(.pong(bytes, tag: tag)) }
        case .pong(let bytes, let tag): fulfil(tag, [UInt8](copying: bytes))
        case .refused(let code, let text): end(.refused(code: code.rawValue, reason: text))
        case .welcome, .ioSpace, .doorbell: note("a frame that has no place here")
        }
    }

    private func take(packet bytes: RawSpan, relid: UInt32) {
        do throws(PacketError) {
            let packet = try Packet(bytes)
            switch packet.header.type {
            case .completion: complete(packet.header.transactionID, [UInt8](copying: packet.payload))
            case .inBandData where relid == globalRelid.load(ordering: .relaxed): take(hostMessage: packet.payload)
            default: note("packet of type \(packet.header.type) on channel \(relid)")
            }
        } catch {
            note("packet on channel \(relid): \(error)")
        }
    }

    /// A message of the host, docs/protocol/semantics.md 1.7.
    private func take(hostMessage bytes: RawSpan) {
        do throws(DecodeError) {
            let header = try CommandHeader(bytes)
            switch DXGProtocol.HostMessage(rawValue: header.commandType) {
            case .signalGuestEvent, .signalGuestEventPassive:
                signal(try MessageView<SignalGuestEvent.Message>(bytes).event)
            case .setGuestData:
                let message = try MessageView<SetGuestData.Message>(bytes)
                if message.guestPointer == Self.deviceStateCookie, message.dataType == 0, message.data32 != 0 {
                    tables.withLock { $0.deviceStateChanges += 1 }
                } else {
                    note("SETGUESTDATA to 0x\(String(message.guestPointer, radix: 16))")
                }
            default: note("host message \(header.commandType)")
            }
        } catch {
            note("host message: \(error)")
        }
    }

    private func note(_ oddity: String) {
        tables.withLock { if $0.oddities.count < 1000 { $0.oddities.append(oddity) } }
    }

    /// What the host sent that has no meaning to this guest, oldest first.
    var oddities: [String] { tables.withLock { $0.oddities } }

    /// How often the host has said that a device's state changed.
    var deviceStateChanges: UInt64 { tables.withLock { $0.deviceStateChanges } }

    // MARK: Questions and answers

    /// Sends a frame that is answered by one with the same tag.
    func ask(_ question: String, _ frame: (UInt32) -> Frame) throws(GuestError) -> PendingReply {
        let reply = PendingReply(question)
        let tag = tables.withLock { tables -> UInt32 in
            let tag = tables.nextTag
            tables.nextTag = tag == .max ? 1 : tag + 1
            tables.answers[tag] = reply
            return tag
        }
        try failIfOver(reply)
        try connection.send(frame(tag))
        return reply
    }

    /// Sends a packet that is answered by a completion with the same transaction id.
    func ask(_ question: String, packet: (UInt64) throws(GuestError) -> Frame) throws(GuestError) -> PendingReply {
        let reply = PendingReply(question)
        let transaction = tables.withLock { tables -> UInt64 in
            defer { tables.nextTransaction += 1 }
            tables.completions[tables.nextTransaction] = reply
            return tables.nextTransaction
        }
        do throws(GuestError) {
            try failIfOver(reply)
            try connection.send(try packet(transaction))
        } catch {
            tables.withLock { _ = $0.completions.removeValue(forKey: transaction) }
            throw error
        }
        return reply
    }

    /// A reply that was entered after the end would wait for ever.
    private func failIfOver(_ reply: PendingReply) throws(GuestError) {
        if let end = tables.withLock({ $0.end }) { throw end }
    }

    private func complete(_ transaction: UInt64, _ payload: [UInt8]) {
        guard let reply = tables.withLock({ $0.completions.removeValue(forKey: transaction) }) else {
            return note("completion of transaction \(transaction), which nobody waits for")
        }
        reply.fulfil(.success(payload))
    }

    private func fulfil(_ tag: UInt32, _ bytes: [UInt8], status: Int32 = 0) {
        guard let reply = tables.withLock({ $0.answers.removeValue(forKey: tag) }) else {
            return note("answer with tag \(tag), which nobody waits for")
        }
        if status == 0 {
            reply.fulfil(.success(bytes))
        } else {
            reply.fulfil(.failure(.system(SystemError(code: -status, operation: reply.question))))
        }
    }

    // MARK: Events

    func makeEvent(isOneShot: Bool) -> GuestEvent {
        let (event, isOver) = tables.withLock { tables -> (GuestEvent, Bool) in
            defer { tables.nextEvent += 1 }
            let event = GuestEvent(id: tables.nextEvent, isOneShot: isOneShot)
            tables.events[event.id] = event
            return (event, tables.end != nil)
        }
        if isOver { event.lose() }
        return event
    }

    func forget(_ event: GuestEvent) {
        tables.withLock { _ = $0.events.removeValue(forKey: event.id) }
    }

    private func signal(_ id: UInt64) {
        let event = tables.withLock { tables -> GuestEvent? in
            guard let event = tables.events[id] else { return nil }
            if event.isOneShot { tables.events[id] = nil }
            return event
        }
        if let event { event.signal() } else { note("signal of event \(id), which does not exist") }
    }
}
