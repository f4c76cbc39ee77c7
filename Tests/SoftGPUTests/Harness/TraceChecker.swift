import DXGProtocol
import Testing

@testable import SoftGPU

/// Watches every effect of a model and records an issue where a promise is broken that holds for all traces: what a
/// worker is told makes sense, memory is given to one owner at a time, fences rise, waits fire when they may and once,
/// and every request gets one answer.
final class TraceChecker {
    /// A CPU wait as the guest asked for it.
    struct Wait {
        let process: D3DKMTHandle
        let handles: [D3DKMTHandle]
        /// Offsets in the IO space of the fences' pages, and the values to reach.
        let fences: [(page: UInt64, target: UInt64)]
        let isAny: Bool
        /// A handle it was made through, its device or its process is being destroyed.
        var mayFireEarly = false
        /// Which places of the list have been seen satisfied.
        var latched: [Bool]
    }

    private struct Space {
        let guest: GuestID
        var mappings = RangeMap<MemorySpan?>()
    }

    private struct Page: Hashable {
        let guest: GuestID
        let offset: UInt64
    }

    private struct EventKey: Hashable {
        let guest: GuestID
        let event: UInt64
    }

    private struct GuestFile: Hashable {
        let guest: GuestID
        let file: MemoryFile
    }

    /// 64 KiB of a file.
    private struct Part: Hashable {
        let file: GuestFile
        let number: UInt64
    }

    private struct View {
        let space: AddressSpaceID
        let address: UInt64
        let length: UInt64
    }

    private struct Transaction: Hashable {
        let guest: GuestID
        let channel: Channel
        let id: UInt64
    }

    private var spaces: [AddressSpaceID: Space] = [:]
    private var closedSpaces: Set<AddressSpaceID> = []
    /// Closed spaces whose workers have not been collected: they still have what they had.
    private var departing: [AddressSpaceID: Space] = [:]
    private var running: [JobID: AddressSpaceID] = [:]
    private var fences: [Page: UInt64] = [:]
    private var rewindable: Set<Page> = []
    private var unanswered: Set<Transaction> = []
    private var waits: [EventKey: Wait] = [:]
    private var fired: [EventKey: Int] = [:]
    private var repeating: Set<EventKey> = []
    /// What workers were shown and has not been given back.
    private var shown: [GuestFile: RangeMap<Void>] = [:]
    /// Mappings by the parts of files that they show, those that have gone since included.
    private var views: [Part: [View]] = [:]
    /// A hash of all effects, for tests of determinism.
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325

    // MARK: What the test says

    func asked(_ guest: GuestID, _ channel: Channel, _ transaction: UInt64) {
        let key = Transaction(guest: guest, channel: channel, id: transaction)
        if !unanswered.insert(key).inserted { Issue.record("transaction \(transaction) is used twice by the test") }
    }

    func waits(_ guest: GuestID, event: UInt64, for wait: Wait) {
        let key = EventKey(guest: guest, event: event)
        waits[key] = wait
        latch(key)
    }

    /// Notes which of a wait's fences are there. Fences that only rise need that no earlier than at its event.
    private func latch(_ key: EventKey) {
        guard let fences = waits[key]?.fences else { return }
        for index in fences.indices where memory(key.guest, fences[index].page) >= fences[index].target {
            waits[key]?.latched[index] = true
        }
    }

    private func latchAll(_ guest: GuestID, _ page: UInt64) {
        for (key, wait) in waits where key.guest == guest && wait.fences.contains(where: { $0.page == page }) {
            latch(key)
        }
    }

    /// The host refused the wait: its event must never come.
    func forgetWait(_ guest: GuestID, event: UInt64) {
        let key = EventKey(guest: guest, event: event)
        if fired[key] != nil { Issue.record("event \(event) of a refused wait has come") }
        waits[key] = nil
    }

    /// An event that may come any number of times.
    func repeats(_ guest: GuestID, event: UInt64) { repeating.insert(EventKey(guest: guest, event: event)) }

    /// Waits that the predicate finds may end without their values from now on.
    func releaseWaits(_ guest: GuestID, where predicate: (Wait) -> Bool) {
        for (key, wait) in waits where key.guest == guest && predicate(wait) { waits[key]?.mayFireEarly = true }
    }

    /// GPU code writes a fence: it may go anywhere.
    func gpuWrites(_ guest: GuestID, _ offset: UInt64, _ value: UInt64) {
        allowRewind(guest, offset)
        fences[Page(guest: guest, offset: offset)] = value
    }

    func allowRewind(_ guest: GuestID, _ offset: UInt64) {
        latchAll(guest, offset)
        rewindable.insert(Page(guest: guest, offset: offset))
    }

    func memory(_ guest: GuestID, _ offset: UInt64) -> UInt64 { fences[Page(guest: guest, offset: offset)] ?? 0 }

    /// Nothing of these workers runs any more, where they were told to end.
    func collected(_ ids: [AddressSpaceID]) {
        for id in ids { departing[id] = nil }
    }

    func jobEnded(_ id: JobID) { running[id] = nil }

    func count(of event: UInt64, _ guest: GuestID) -> Int { fired[EventKey(guest: guest, event: event)] ?? 0 }

    var openSpaces: [AddressSpaceID] { spaces.keys.sorted() }

    /// What a worker has at an address: nil nothing, `.some(nil)` zeros.
    func mapping(_ space: AddressSpaceID, at address: UInt64) -> MemorySpan?? {
        guard let entry = spaces[space]?.mappings.entry(containing: address) else { return nil }
        guard let span = entry.value else { return .some(nil) }
        return MemorySpan(file: span.file, offset: span.offset + (address - entry.start), length: pageSize)
    }

    /// All that a worker has, neighbouring pieces of one file put together.
    func mappings(_ space: AddressSpaceID) -> [Piece] {
        Piece.joined((spaces[space]?.mappings.entries ?? []).map { Piece($0.start, $0.end, $0.value) })
    }

    func isEmpty(_ space: AddressSpaceID) -> Bool { spaces[space]?.mappings.isEmpty ?? true }

    func transactionsLeft(_ guest: GuestID) -> Int { unanswered.count { $0.guest == guest } }

    /// Everything that a guest had must have come back.
    func guestLeft(_ guest: GuestID) {
        for (id, space) in spaces where space.guest == guest { Issue.record("\(id) is open after its guest left") }
        for (file, ranges) in shown where file.guest == guest {
            for range in ranges.entries {
                Issue.record("\(range.length) bytes from \(range.start) of \(file.file) were not given back")
            }
            shown[file] = nil
        }
        views = views.filter { $0.key.file.guest != guest }
        unanswered = unanswered.filter { $0.guest != guest }
        waits = waits.filter { $0.key.guest != guest }
    }

    // MARK: Effects

    func check(_ effect: Effect) {
        mix(effect)
        switch effect {
        case .complete(let guest, let channel, let transaction, _):
            if unanswered.remove(Transaction(guest: guest, channel: channel, id: transaction)) == nil {
                Issue.record("transaction \(transaction) of \(guest) is answered but not open")
            }
        case .notify(let guest, let bytes): checkNotification(guest, bytes)
        case .storeFence(let guest, let offset, let value): store(guest, offset, value)
        case .openAddressSpace(let id, let guest):
            if spaces[id] != nil || closedSpaces.contains(id) { Issue.record("\(id) is opened twice") }
            spaces[id] = Space(guest: guest)
        case .closeAddressSpace(let id):
            departing[id] = spaces.removeValue(forKey: id)
            if departing[id] == nil { Issue.record("\(id) is closed but not open") }
            closedSpaces.insert(id)
            running = running.filter { $0.value != id }
        case .map(let id, let address, let span, _):
            checkPages(address, span.length)
            guard let guest = spaces[id]?.guest else { return complain("a map in \(id), which is not open") }
            _ = spaces[id]?.mappings.carve(address, address + span.length, slice: Self.advance)
            spaces[id]?.mappings.insert(address, address + span.length, span)
            note(View(space: id, address: address, length: span.length), of: span, guest)
        case .mapZero(let id, let address, let length):
            checkPages(address, length)
            if spaces[id] == nil { return complain("a map in \(id), which is not open") }
            _ = spaces[id]?.mappings.carve(address, address + length, slice: Self.advance)
            spaces[id]?.mappings.insert(address, address + length, nil)
        case .unmap(let id, let address, let length):
            checkPages(address, length)
            if spaces[id] == nil { return complain("an unmap in \(id), which is not open") }
            _ = spaces[id]?.mappings.carve(address, address + length, slice: Self.advance)
        case .barrier(_, let ids):
            for id in ids where spaces[id] == nil && departing[id] == nil {
                Issue.record("a barrier on \(id), which has no worker")
            }
            if ids.isEmpty { Issue.record("a barrier on nothing") }
        case .discard(let guest, let span): checkDiscard(guest, span)
        case .run(let job):
            if spaces[job.space] == nil { Issue.record("a job in \(job.space), which is not open") }
            if running.updateValue(job.space, forKey: job.id) != nil { Issue.record("\(job.id) runs twice") }
        case .abort(let job, let space):
            if running[job] != space { Issue.record("an abort of \(job), which does not run in \(space)") }
        case .releaseGuestPages, .removeVirtualGPU, .report: break
        }
    }

    private func complain(_ what: String) { Issue.record("\(what)") }

    private static func advance(_ span: MemorySpan?, by distance: UInt64) -> MemorySpan? {
        span.map { MemorySpan(file: $0.file, offset: $0.offset + distance, length: $0.length - distance) }
    }

    private func checkPages(_ address: UInt64, _ length: UInt64) {
        if address % pageSize != 0 || length % pageSize != 0 || length == 0 {
            Issue.record("\(length) bytes at \(address) are not whole pages")
        }
    }

    private func store(_ guest: GuestID, _ offset: UInt64, _ value: UInt64) {
        let page = Page(guest: guest, offset: offset)
        if let old = fences[page], value < old, !rewindable.contains(page) {
            Issue.record("the fence at \(offset) goes back from \(old) to \(value)")
        }
        fences[page] = value
        if rewindable.contains(page) { latchAll(guest, offset) }
    }

    private func note(_ view: View, of span: MemorySpan, _ guest: GuestID) {
        if case .guestMemory = span.file { return }
        let file = GuestFile(guest: guest, file: span.file)
        for number in span.offset >> 16...(span.offset + span.length - 1) >> 16 {
            views[Part(file: file, number: number), default: []].append(view)
        }
        let end = span.offset + span.length
        guard shown[file]?.entry(covering: span.offset, end) == nil else { return }
        _ = shown[file, default: RangeMap()].carve(span.offset, end) { value, _ in value }
        shown[file]?.insert(span.offset, end, ())
    }

    private func checkDiscard(_ guest: GuestID, _ span: MemorySpan) {
        let file = GuestFile(guest: guest, file: span.file)
        let end = span.offset + span.length
        for number in span.offset >> 16...(end - 1) >> 16 {
            let part = Part(file: file, number: number)
            views[part]?.removeAll { view in
                let space = spaces[view.space] ?? departing[view.space]
                let entries = space?.mappings.overlapping(view.address, view.address + view.length) ?? []
                for entry in entries {
                    guard let mapped = entry.value, mapped.file == span.file else { continue }
                    if mapped.offset < end && span.offset < mapped.offset + entry.length {
                        Issue.record("\(span) is given back while \(view.space) has it at \(entry.start)")
                    }
                }
                return entries.isEmpty
            }
        }
        _ = shown[file]?.carve(span.offset, end) { value, _ in value }
        guard span.file == .ioSpace else { return }
        for offset in stride(from: span.offset, to: end, by: Int(pageSize)) {
            fences[Page(guest: guest, offset: offset)] = nil
            rewindable.remove(Page(guest: guest, offset: offset))
        }
    }

    private func checkNotification(_ guest: GuestID, _ bytes: [UInt8]) {
        guard bytes.count == 48 else { return complain("a notification of \(bytes.count) bytes") }
        let message = MessageBuilder<SignalGuestEvent.Message>(decoding: bytes)
        guard message.header.commandType == HostMessage.signalGuestEvent.rawValue else { return }
        let key = EventKey(guest: guest, event: message.event)
        fired[key, default: 0] += 1
        if repeating.contains(key) { return }
        if fired[key] != 1 { Issue.record("event \(message.event) comes \(fired[key] ?? 0) times") }
        if !message.dereferenceEvent { Issue.record("event \(message.event) keeps its reference") }
        latch(key)
        guard let wait = waits.removeValue(forKey: key), !wait.mayFireEarly else { return }
        let isSatisfied = wait.isAny ? wait.latched.contains(true) : !wait.latched.contains(false)
        if !isSatisfied { Issue.record("event \(message.event) comes before its fences") }
    }

    // MARK: Determinism

    private func mix(_ effect: Effect) {
        switch effect {
        case .complete(_, _, let transaction, let bytes):
            mix(1, transaction, UInt64(bytes.count))
            for byte in bytes { mix(UInt64(byte)) }
        case .notify(_, let bytes):
            mix(2)
            for byte in bytes { mix(UInt64(byte)) }
        case .storeFence(_, let offset, let value): mix(3, offset, value)
        case .openAddressSpace(let id, _): mix(4, id.rawValue)
        case .closeAddressSpace(let id): mix(5, id.rawValue)
        case .map(let id, let address, let span, _): mix(6, id.rawValue, address, span.offset, span.length)
        case .mapZero(let id, let address, let length): mix(7, id.rawValue, address, length)
        case .unmap(let id, let address, let length): mix(8, id.rawValue, address, length)
        case .barrier(let id, let spaces): mix(9, id.rawValue, UInt64(spaces.count))
        case .discard(_, let span): mix(10, span.offset, span.length)
        case .releaseGuestPages(_, let id): mix(11, id.rawValue)
        case .run(let job): mix(12, job.id.rawValue, job.space.rawValue, job.commandBuffer)
        case .abort(let id, _): mix(13, id.rawValue)
        case .report(let diagnostic): mix(14, UInt64(diagnostic.reason.utf8.count))
        case .removeVirtualGPU(_, let index): mix(15, UInt64(index))
        }
    }

    private func mix(_ numbers: UInt64...) { for number in numbers { hash = (hash ^ number) &* 0x100_0000_01b3 } }
}

/// A part of an address space and what is seen there: a file from an offset on, or zeros.
struct Piece: Hashable {
    let start: UInt64
    var end: UInt64
    let file: MemoryFile?
    let offset: UInt64

    init(_ start: UInt64, _ end: UInt64, _ span: MemorySpan?) {
        self.start = start
        self.end = end
        file = span?.file
        offset = span?.offset ?? 0
    }

    static func joined(_ pieces: [Piece]) -> [Piece] {
        var result: [Piece] = []
        for piece in pieces {
            if let last = result.last, last.end == piece.start, last.file == piece.file,
                piece.file == nil || last.offset + (last.end - last.start) == piece.offset
            {
                result[result.count - 1].end = piece.end
            } else {
                result.append(piece)
            }
        }
        return result
    }
}

extension MessageBuilder {
    /// A received message, to be read field by field.
    init(decoding bytes: [UInt8]) {
        do throws(DecodeError) {
            let view = try MessageView<Layout>(bytes.wireBytes)
            self.init(copying: view, byteCount: bytes.count)
        } catch {
            Issue.record("\(Layout.name) does not decode: \(error)")
            self.init()
        }
    }
}
