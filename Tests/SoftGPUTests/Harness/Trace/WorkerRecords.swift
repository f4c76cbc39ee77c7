import DXGProtocol

@testable import SoftGPU

/// What the workers of a host were told: what each can see, what it runs, and what it has been asked to confirm.
struct WorkerRecords {
    /// The worker of one address space.
    struct Worker {
        let guest: GuestID
        let process: D3DKMTHandle
        let adapter: Int
        var mappings = RangeMap<MemorySpan?>()
        /// What it could see before an unmap that no barrier has confirmed: when that was, in the order of all.
        var leaving: [MemoryFile: RangeMap<Int>] = [:]
        /// When it was told to end, in the same order.
        var end: Int?

        /// All that was unmapped until then is gone.
        mutating func confirm(until order: Int) {
            for (file, ranges) in leaving {
                var left = RangeMap<Int>()
                for entry in ranges.entries where entry.value > order {
                    left.insert(entry.start, entry.end, entry.value)
                }
                leaving[file] = left.isEmpty ? nil : left
            }
        }
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

    private struct Barrier {
        let order: Int
        let spaces: [AddressSpaceID]
        let guest: GuestID?
    }

    /// A guest that has left or begun anew: what it had comes back when these barriers have passed.
    private struct Departure {
        var barriers: Set<BarrierID>
        var owed: [GuestFile: RangeMap<Void>]
    }

    private(set) var workers: [AddressSpaceID: Worker] = [:]
    private(set) var running: [JobID: Job] = [:]
    private var closed: Set<AddressSpaceID> = []
    /// Workers that were told to end and have not been collected: they may still touch what they had.
    private var departing: [AddressSpaceID: Worker] = [:]
    private var departures: [(guest: GuestID, departure: Departure)] = []
    private var barriers: [BarrierID: Barrier] = [:]
    /// What workers were shown and has not been given back.
    private var shown: [GuestFile: RangeMap<Void>] = [:]
    /// Mappings by the parts of files that they show, those that have gone since included.
    private var views: [Part: [View]] = [:]
    private var order = 0
    /// What is wrong with what the workers were told; the caller takes it.
    var complaints: [(rule: Finding.Rule, text: String)] = []

    var openSpaces: [AddressSpaceID] { workers.keys.sorted() }
    func hasWork(of guest: GuestID) -> Bool {
        running.values.contains { $0.guest == guest } || barriers.values.contains { $0.guest == guest }
    }

    var hasWork: Bool { !running.isEmpty || !barriers.isEmpty }

    /// What a worker has at an address: nil nothing, `.some(nil)` zeros.
    func mapping(_ space: AddressSpaceID, at address: UInt64) -> MemorySpan?? {
        guard let entry = workers[space]?.mappings.entry(containing: address) else { return nil }
        guard let span = entry.value else { return .some(nil) }
        return MemorySpan(file: span.file, offset: span.offset + (address - entry.start), length: pageSize)
    }

    /// All that a worker has, neighbouring pieces of one file put together.
    func mappings(_ space: AddressSpaceID) -> [Piece] {
        Piece.joined((workers[space]?.mappings.entries ?? []).map { Piece($0.start, $0.end, $0.value) })
    }

    // MARK: Effects

    mutating func open(_ id: AddressSpaceID, _ guest: GuestID, _ process: D3DKMTHandle, _ adapter: Int) {
        if workers[id] != nil || closed.contains(id) { complain("\(id) is opened twice") }
        workers[id] = Worker(guest: guest, process: process, adapter: adapter)
    }

    mutating func close(_ id: AddressSpaceID) {
        guard let worker = workers.removeValue(forKey: id) else { return complain("\(id) is closed but not open") }
        order += 1
        departing[id] = worker
        departing[id]?.end = order
        closed.insert(id)
        running = running.filter { $0.value.space != id }
    }

    mutating func map(_ id: AddressSpaceID, _ address: UInt64, _ length: UInt64, _ span: MemorySpan?) {
        guard let guest = workers[id]?.guest else { return complain("a map in \(id), which is not open") }
        guard remove(id, address, length) else { return }
        workers[id]?.mappings.insert(address, address + length, span)
        if let span { note(View(space: id, address: address, length: length), of: span, guest) }
    }

    mutating func unmap(_ id: AddressSpaceID, _ address: UInt64, _ length: UInt64) {
        if workers[id] == nil { return complain("an unmap in \(id), which is not open") }
        _ = remove(id, address, length)
    }

    mutating func run(_ job: Job) {
        if workers[job.space]?.guest != job.guest { complain("a job in \(job.space), which is not open") }
        if running.values.contains(where: { $0.space == job.space && $0.node == job.node }) {
            complain("\(job.id) runs beside another in \(job.space) on node \(job.node)")
        }
        if running.updateValue(job, forKey: job.id) != nil { complain("\(job.id) runs twice") }
    }

    mutating func abort(_ job: JobID, _ space: AddressSpaceID) {
        if running[job]?.space != space { complain("an abort of \(job), which does not run in \(space)") }
    }

    mutating func end(_ job: JobID) -> Job? { running.removeValue(forKey: job) }

    mutating func barrier(_ id: BarrierID, _ spaces: [AddressSpaceID]) {
        if spaces.isEmpty { complain("a barrier on nothing") }
        for space in spaces where workers[space] == nil && departing[space] == nil {
            complain("a barrier on \(space), which has no worker")
        }
        order += 1
        let guest = spaces.lazy.compactMap { [workers, departing] in (workers[$0] ?? departing[$0])?.guest }.first
        if barriers.updateValue(Barrier(order: order, spaces: spaces, guest: guest), forKey: id) != nil {
            complain("\(id) is asked for twice")
        }
    }

    mutating func pass(_ id: BarrierID) {
        guard let barrier = barriers.removeValue(forKey: id) else { return }
        for space in barrier.spaces {
            workers[space]?.confirm(until: barrier.order)
            departing[space]?.confirm(until: barrier.order)
            if let end = departing[space]?.end, end < barrier.order { departing[space] = nil }
        }
        for index in departures.indices { departures[index].departure.barriers.remove(id) }
    }

    /// After a step: guests that have left and whose barriers have passed have nothing any more.
    mutating func settleDepartures() {
        for (guest, departure) in departures where departure.barriers.isEmpty {
            for (file, ranges) in departure.owed {
                for range in ranges.entries {
                    complain(
                        "\(range.length) bytes from \(range.start) of \(file.file) of \(guest) were not given back",
                        .release)
                }
            }
        }
        departures.removeAll { $0.departure.barriers.isEmpty }
    }

    /// Whether something of a guest that has left is still to come back.
    func isLeaving(_ guest: GuestID) -> Bool { departures.contains { $0.guest == guest } }

    mutating func discard(_ guest: GuestID, _ span: MemorySpan) {
        for (space, address) in seen(guest, span) {
            complain("\(span) is given back while \(space) has it at \(address)")
        }
        for (id, worker) in departing where worker.guest == guest {
            let isSeen = worker.mappings.entries.contains { entry in
                guard let seen = entry.value, seen.file == span.file else { return false }
                return seen.offset < span.offset + span.length && span.offset < seen.offset + entry.length
            }
            if isSeen { complain("\(span) is given back before \(id), which had it, is gone", .release) }
        }
        for (id, worker) in workers.merging(departing, uniquingKeysWith: { worker, _ in worker })
        where worker.guest == guest {
            if let ranges = worker.leaving[span.file], !ranges.isFree(span.offset, span.offset + span.length) {
                complain("\(span) is given back before \(id) has confirmed that it is gone", .release)
            }
        }
        let file = GuestFile(guest: guest, file: span.file)
        let end = span.offset + span.length
        _ = shown[file]?.carve(span.offset, end) { value, _ in value }
        for index in departures.indices {
            _ = departures[index].departure.owed[file]?.carve(span.offset, end) { value, _ in value }
        }
    }

    /// Who sees a part of what lies in a span.
    mutating func seen(_ guest: GuestID, _ span: MemorySpan) -> [(space: AddressSpaceID, address: UInt64)] {
        let file = GuestFile(guest: guest, file: span.file)
        let end = span.offset + span.length
        var found: [(space: AddressSpaceID, address: UInt64)] = []
        for number in span.offset >> 16...(end - 1) >> 16 {
            views[Part(file: file, number: number)]?.removeAll { view in
                let entries =
                    workers[view.space]?.mappings.overlapping(view.address, view.address + view.length) ?? []
                for entry in entries {
                    guard let mapped = entry.value, mapped.file == span.file else { continue }
                    if mapped.offset < end && span.offset < mapped.offset + entry.length {
                        found.append((view.space, entry.start))
                    }
                }
                return entries.isEmpty
            }
        }
        return found
    }

    /// A guest has left or begins anew: everything that it had must come back.
    mutating func guestLeft(_ guest: GuestID) {
        for (id, worker) in workers where worker.guest == guest { complain("\(id) is open after its guest left") }
        var departure = Departure(barriers: [], owed: [:])
        for (id, barrier) in barriers where barrier.guest == guest { departure.barriers.insert(id) }
        for (file, ranges) in shown where file.guest == guest {
            departure.owed[file] = ranges
            shown[file] = nil
        }
        departures.append((guest, departure))
        views = views.filter { $0.key.file.guest != guest }
    }

    // MARK: Parts

    private mutating func complain(_ text: String, _ rule: Finding.Rule = .worker) { complaints.append((rule, text)) }

    /// Takes a range out of a worker's sight; false where it is no range.
    private mutating func remove(_ id: AddressSpaceID, _ address: UInt64, _ length: UInt64) -> Bool {
        let (end, overflow) = address.addingReportingOverflow(length)
        guard address % pageSize == 0, length % pageSize == 0, length > 0, !overflow else {
            complain("\(length) bytes at \(address) are not whole pages")
            return false
        }
        order += 1
        for entry in workers[id]?.mappings.carve(address, end, slice: Self.advance) ?? [] {
            guard let span = entry.value else { continue }
            let start = span.offset + (max(entry.start, address) - entry.start)
            let stop = span.offset + (min(entry.end, end) - entry.start)
            _ = workers[id]?.leaving[span.file, default: RangeMap()].carve(start, stop) { value, _ in value }
            workers[id]?.leaving[span.file]?.insert(start, stop, order)
        }
        return true
    }

    private static func advance(_ span: MemorySpan?, by distance: UInt64) -> MemorySpan? {
        span.map { MemorySpan(file: $0.file, offset: $0.offset + distance, length: $0.length - distance) }
    }

    private mutating func note(_ view: View, of span: MemorySpan, _ guest: GuestID) {
        if case .guestMemory = span.file { return }
        let file = GuestFile(guest: guest, file: span.file)
        let end = span.offset + span.length
        for number in span.offset >> 16...(end - 1) >> 16 {
            views[Part(file: file, number: number), default: []].append(view)
        }
        guard shown[file]?.entry(covering: span.offset, end) == nil else { return }
        _ = shown[file, default: RangeMap()].carve(span.offset, end) { value, _ in value }
        shown[file]?.insert(span.offset, end, ())
    }
}
