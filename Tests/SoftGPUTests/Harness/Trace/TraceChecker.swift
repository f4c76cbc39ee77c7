import DXGProtocol

@testable import SoftGPU

/// Reads the trace of a model, step by step, and finds where it breaks a promise that holds for all traces.
///
/// It knows of the model what the trace shows: it decodes the guests' packets and the replies itself and keeps its own
/// books of what each process was given and has asked for. Where these cannot tell (two command buffers that look the
/// same, objects without a page) it lets pass what may be right.
final class TraceChecker {
    let options: SoftGPUOptions
    private(set) var findings: [Finding] = []
    private var hashing = TraceHash()
    private var stepCount = 0
    var guests: [GuestID: GuestRecord] = [:]
    var workers = WorkerRecords()
    private var unanswered: Set<Transaction> = []
    private var answered: Set<Transaction> = []
    /// What is submitted as which job.
    var jobs: [JobID: (queue: QueueRecord, submit: SubmitRecord)] = [:]
    /// Memory that queued work may see a while longer.
    var lingering: [MemoryRecord] = []
    /// What the step at hand is about.
    var step = StepState()

    struct Transaction: Hashable {
        let guest: GuestID
        let channel: Channel
        let id: UInt64
    }

    /// What has to be known of a step until it is over.
    struct StepState {
        var time = Instant(nanoseconds: 0)
        var input = TraceStep.Input.advance
        /// The guest that the input is of; nil where time passes.
        var guest: GuestID?
        var exchange: Exchange?
        /// What goes with the step, once its effects have been seen.
        var endings: [() -> Void] = []
        /// Signals that take effect in it, not by a queue.
        var signals: [(fence: FenceRecord, value: UInt64, allowsRewind: Bool)] = []
        /// What the GPU wrote to fences.
        var writes: [(fence: FenceRecord, value: UInt64)] = []
        /// The event of a message without a reply that was refused.
        var refusedEvent: UInt64?
        /// A device has been lost, and which of them for sure.
        var hasLoss = false
        var lost: [DeviceRecord] = []
        /// The device of the job that has ended.
        var endedOn: DeviceRecord?
        /// The guest that leaves has something to wait for.
        var leavesWork = false
        /// Guests whose work has come to a worker: it may have more effects.
        var starters: Set<GuestID> = []
        var waits: [WaitRecord] = []
        var queues: [QueueRecord] = []
        var memories: [MemoryRecord] = []
        /// Fences of paging queues with a new value.
        var arrivedFences: [FenceRecord] = []
    }

    init(options: SoftGPUOptions) { self.options = options }

    /// A hash of the trace, for tests of determinism.
    var hash: UInt64 { hashing.value }
    var openSpaces: [AddressSpaceID] { workers.openSpaces }

    func find(_ rule: Finding.Rule, _ text: String) {
        findings.append(Finding(rule: rule, step: stepCount - 1, text: text))
    }

    /// Gives what was found since the last time.
    func takeFindings() -> [Finding] {
        defer { findings.removeAll() }
        return findings
    }

    func mapping(_ space: AddressSpaceID, at address: UInt64) -> MemorySpan?? { workers.mapping(space, at: address) }
    func mappings(_ space: AddressSpaceID) -> [Piece] { workers.mappings(space) }
    func isEmpty(_ space: AddressSpaceID) -> Bool { workers.mappings(space).isEmpty }
    func transactionsLeft(_ guest: GuestID) -> Int { unanswered.count { $0.guest == guest } }

    // MARK: Steps

    func check(_ next: TraceStep) {
        stepCount += 1
        hashing.mix(next)
        step = StepState()
        step.time = next.time
        step.input = next.input
        begin(next)
        for effect in next.effects { check(effect) }
        end(next)
        for complaint in workers.complaints { find(complaint.rule, complaint.text) }
        workers.complaints.removeAll()
    }

    /// The run is over: what could be answered has been.
    func finish() {
        guard !workers.hasWork else { return }
        for transaction in unanswered {
            find(.oneAnswer, "transaction \(transaction.id) of \(transaction.guest) was never answered")
        }
    }

    private func begin(_ next: TraceStep) {
        switch next.input {
        case .connect(let id, let options):
            step.guest = id
            if guests[id] != nil { find(.isolation, "\(id) connects twice") }
            guests[id] = GuestRecord(id: id, options: options)
        case .negotiate(let id, let version):
            step.guest = id
            guests[id]?.version = version
        case .shareMemory(let id, _), .createGPADL(let id, _, _), .tearDownGPADL(let id, _), .discardOffers(let id):
            step.guest = id
        case .receive(let id, let channel, let transaction, let bytes):
            step.guest = id
            if let transaction { ask(Transaction(guest: id, channel: channel, id: transaction)) }
            guard let guest = guests[id] else { break }
            step.exchange = Exchange(bytes, from: guest, on: channel, transaction: transaction, effects: next.effects)
        case .endJob(let job, let outcome, let fences, _):
            endJob(job, outcome, fences)
        case .passBarrier(let barrier): workers.pass(barrier)
        case .failAddressSpace, .advance: break
        case .reset(let id), .disconnect(let id):
            step.guest = id
            step.leavesWork = workers.hasWork(of: id)
            if let guest = guests[id] { leave(guest) }
        }
        findLosses(next.effects)
        if let exchange = step.exchange { begin(exchange) }
    }

    private func end(_ next: TraceStep) {
        advanceQueues()
        checkWaits()
        for ending in step.endings { ending() }
        checkMemory()
        switch next.input {
        case .disconnect(let id):
            forget(id)
            guests[id] = nil
        case .reset(let id):
            forget(id)
            if let options = guests[id]?.options { guests[id] = GuestRecord(id: id, options: options) }
        default: break
        }
        workers.settleDepartures()
    }

    private func leave(_ guest: GuestRecord) {
        for process in guest.processes.values { end(process) }
        for case .resource(let content) in guest.names.values { content.ntNames = 0 }
    }

    /// Everything that a guest had must have come back.
    private func forget(_ id: GuestID) {
        // What waited for a worker when it left, nobody need answer any more.
        for transaction in unanswered where transaction.guest == id && !step.leavesWork {
            find(.oneAnswer, "transaction \(transaction.id) was not answered before \(id) left")
        }
        unanswered = unanswered.filter { $0.guest != id }
        answered = answered.filter { $0.guest != id }
        workers.guestLeft(id)
        lingering.removeAll { $0.guest.id == id }
    }

    // MARK: Effects

    private func check(_ effect: Effect) {
        switch effect {
        case .complete(let id, let channel, let transaction, _):
            expectOwn(id, "an answer")
            answer(Transaction(guest: id, channel: channel, id: transaction))
        case .notify(let id, let bytes):
            expectOwn(id, "a notification")
            if let guest = guests[id] { notified(guest, bytes) }
        case .storeFence(let id, let offset, let value):
            expectOwn(id, "a fence")
            if let guest = guests[id] { stored(guest, offset, value) }
        case .openAddressSpace(let id, let guest, let process, let adapter):
            if guests[guest]?.processes[process] == nil { find(.worker, "\(id) is of no process") }
            workers.open(id, guest, process, adapter)
        case .closeAddressSpace(let id):
            if let guest = workers.workers[id]?.guest { expectOwn(guest, "the end of a worker") }
            workers.close(id)
        case .map(let id, let address, let span, _):
            workers.map(id, address, span.length, span)
            checkMapping(id, address, span)
        case .mapZero(let id, let address, let length): workers.map(id, address, length, nil)
        case .unmap(let id, let address, let length): workers.unmap(id, address, length)
        case .barrier(let id, let spaces): workers.barrier(id, spaces)
        case .discard(let id, let span):
            if guests[id] == nil, !workers.isLeaving(id), step.guest != id {
                find(.isolation, "a release for \(id), which is not there")
            }
            workers.discard(id, span)
            if let guest = guests[id] { discarded(guest, span) }
        case .run(let job):
            workers.run(job)
            started(job)
        case .abort(let job, let space): workers.abort(job, space)
        case .releaseGuestPages(let id, _): expectOwn(id, "a release of pages")
        case .removeVirtualGPU(let id, _): expectOwn(id, "the end of a virtual GPU")
        case .report(let diagnostic): expectOwn(diagnostic.guest, "a line in the log")
        }
    }

    private func expectOwn(_ id: GuestID, _ what: String) {
        if guests[id] == nil { find(.isolation, "\(what) for \(id), which is not there") }
        guard let guest = step.guest, guest != id, !step.starters.contains(id) else { return }
        find(.isolation, "\(what) for \(id) where \(guest) did something")
    }

    // MARK: Requests and answers

    private func ask(_ transaction: Transaction) {
        answered.remove(transaction)
        if !unanswered.insert(transaction).inserted {
            find(.oneAnswer, "transaction \(transaction.id) of \(transaction.guest) is asked twice")
        }
    }

    private func answer(_ transaction: Transaction) {
        if unanswered.remove(transaction) == nil {
            let isTwice = answered.contains(transaction)
            find(
                .oneAnswer,
                "transaction \(transaction.id) of \(transaction.guest) is answered \(isTwice ? "twice" : "unasked")")
        }
        answered.insert(transaction)
    }
}
