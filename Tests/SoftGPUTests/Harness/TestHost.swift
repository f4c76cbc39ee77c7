import DXGProtocol
import Testing
import VMBus

@testable import SoftGPU

/// A host around the model on virtual time: it carries effects out in fakes, has every one of them checked, and feeds
/// the ends of jobs and barriers back, by itself or when the test says so.
final class TestHost {
    let model: SoftGPU
    let checker: TraceChecker
    /// Nanoseconds.
    private(set) var now: UInt64 = 1_000
    /// Whether jobs end by themselves with the input that started them.
    var completesJobs = true
    /// Whether aborted jobs end by themselves.
    var completesAborts = true
    /// Whether barriers pass by themselves.
    var passesBarriers = true
    /// How long a job takes that completes by itself.
    var jobNanoseconds: UInt64 = 1_000

    /// Jobs on workers, oldest first.
    private(set) var jobs: [Job] = []
    /// Jobs that were told to stop and have not ended.
    private(set) var aborted: [JobID] = []
    private(set) var barriers: [(id: BarrierID, spaces: [AddressSpaceID])] = []
    /// Every step, where ``keepsSteps`` asks for it.
    private(set) var steps: [TraceStep] = []
    var keepsSteps = false
    /// All effects since the last ``clearTrace()``.
    private(set) var trace: [Effect] = []
    private var guests: [GuestID: VirtualGuest] = [:]
    /// What is in the pages of fences, by their offsets.
    private var pages: [GuestID: [UInt64: UInt64]] = [:]
    private var lastGuest: UInt32 = 0
    private var isDraining = false

    static let profile = AdapterProfile(
        localMemory: 64 << 20, nonLocalMemory: 64 << 20, nodes: [.render, .copy], hostLUID: LUID(low: 77, high: 1),
        guid: Array(1...16))

    init(
        profiles: [AdapterProfile] = [TestHost.profile], policy: any SchedulingPolicy = FairSharePolicy(),
        configure: (inout SoftGPUOptions) -> Void = { _ in }
    ) {
        var options = SoftGPUOptions(adapters: profiles)
        configure(&options)
        model = SoftGPU(options: options, policy: policy)
        checker = TraceChecker(options: options)
    }

    // MARK: Guests

    /// A guest with as many virtual GPUs as there are adapters, connected, with nothing sent yet.
    func connect(
        version: InterfaceVersion = .v40, ioSpaceBytes: UInt64 = 32 << 20, localBytes: UInt64 = 128 << 20,
        configure: (inout GuestOptions) -> Void = { _ in }
    ) -> VirtualGuest {
        lastGuest += 1
        let id = GuestID(rawValue: lastGuest)
        var options = GuestOptions(
            ioSpaceBytes: ioSpaceBytes, localBytes: localBytes,
            adapters: model.options.adapters.indices.map {
                VirtualAdapterOptions(physicalAdapter: $0, vgpuLUID: LUID(low: UInt32(500 + $0), high: 9))
            })
        configure(&options)
        let guest = VirtualGuest(host: self, id: id, version: version, options: options)
        guests[id] = guest
        take(.connect(id, options))
        take(.negotiate(id, version))
        return guest
    }

    /// A guest with its IO space announced and its adapters open.
    func start(
        version: InterfaceVersion = .v40, ioSpaceBytes: UInt64 = 32 << 20, localBytes: UInt64 = 128 << 20,
        configure: (inout GuestOptions) -> Void = { _ in }
    ) -> VirtualGuest {
        let guest = connect(
            version: version, ioSpaceBytes: ioSpaceBytes, localBytes: localBytes, configure: configure)
        guest.startUp()
        return guest
    }

    func disconnect(_ guest: VirtualGuest) {
        take(.disconnect(guest.id))
        passBarriersOfClosedSpaces()
        guests[guest.id] = nil
        pages[guest.id] = nil
    }

    // MARK: Inputs

    var instant: Instant { Instant(nanoseconds: now) }

    func receive(_ data: [UInt8], from guest: VirtualGuest, on channel: Channel, transaction: UInt64?) {
        take(.receive(guest.id, channel, transaction: transaction, data))
    }

    /// Ends a job, the oldest one if none is named.
    func endJob(_ job: Job? = nil, _ outcome: JobOutcome = .completed, nanoseconds: UInt64 = 1_000) {
        guard let job = job ?? jobs.first else {
            Issue.record("there is no job to end")
            return
        }
        let start = now
        now += nanoseconds
        endJob(job, outcome, startedAt: start)
    }

    /// Ends a job that has run since a time, now.
    func endJob(_ job: Job, _ outcome: JobOutcome, startedAt start: UInt64) {
        jobs.removeAll { $0.id == job.id }
        aborted.removeAll { $0 == job.id }
        let fences = job.fenceOffsets.map { memory(job.guest, $0) }
        take(.endJob(job.id, outcome, fences: fences, startedAt: Instant(nanoseconds: start)))
    }

    func passBarrier() {
        guard !barriers.isEmpty else {
            Issue.record("there is no barrier to pass")
            return
        }
        passBarrier(at: 0)
    }

    private func passBarrier(at index: Int) {
        take(.passBarrier(barriers.remove(at: index).id))
    }

    /// The workers that were told to end are collected.
    private func passBarriersOfClosedSpaces() {
        let open = checker.openSpaces
        while let index = barriers.firstIndex(where: { !$0.spaces.contains(where: open.contains) }) {
            passBarrier(at: index)
        }
    }

    func fail(_ space: AddressSpaceID, reason: String = "test") { take(.failAddressSpace(space, reason: reason)) }

    /// What is at an offset of a guest's IO space where a fence has its page.
    func memory(_ guest: GuestID, _ offset: UInt64) -> UInt64 { pages[guest]?[offset] ?? 0 }

    /// GPU code writes to a fence; the model hears of it when the job ends.
    func gpuWrites(_ guest: GuestID, _ offset: UInt64, _ value: UInt64) { pages[guest, default: [:]][offset] = value }

    /// Lets time pass, stopping at every deadline of the model.
    func advance(by nanoseconds: UInt64) {
        let end = now + nanoseconds
        while let deadline = model.nextDeadline, deadline.nanoseconds <= end {
            now = max(now, deadline.nanoseconds)
            take(.advance)
            guard let next = model.nextDeadline, next.nanoseconds > now else {
                if model.nextDeadline != nil { Issue.record("the deadline of \(now) ns does not go away") }
                break
            }
        }
        now = max(now, end)
        take(.advance)
    }

    func clearTrace() { trace.removeAll() }

    /// Gives the model an input, has the step checked, and does what its effects say.
    func take(_ input: TraceStep.Input) {
        let effects = model.take(input, at: instant)
        let step = TraceStep(time: instant, input: input, effects: effects)
        if keepsSteps { steps.append(step) }
        checker.check(step)
        for finding in checker.takeFindings() { Issue.record("\(finding)") }
        carryOut(effects)
    }

    /// The run is over.
    deinit {
        checker.finish()
        for finding in checker.takeFindings() { Issue.record("\(finding)") }
    }

    /// Does what the effects say.
    func carryOut(_ effects: [Effect]) {
        for effect in effects {
            trace.append(effect)
            switch effect {
            case .run(let job): jobs.append(job)
            case .abort(let id, _): if jobs.contains(where: { $0.id == id }) { aborted.append(id) }
            case .closeAddressSpace(let id):
                let gone = Set(jobs.filter { $0.space == id }.map(\.id))
                jobs.removeAll { gone.contains($0.id) }
                aborted.removeAll { gone.contains($0) }
            case .barrier(let id, let spaces): barriers.append((id, spaces))
            case .complete(let guest, _, let transaction, let bytes): guests[guest]?.completed(transaction, bytes)
            case .notify(let guest, let bytes): guests[guest]?.notified(bytes)
            case .storeFence(let guest, let offset, let value): pages[guest, default: [:]][offset] = value
            case .discard(let guest, let span) where span.file == .ioSpace:
                for page in stride(from: span.offset, to: span.offset + span.length, by: Int(pageSize)) {
                    pages[guest]?[page] = nil
                }
            case .openAddressSpace, .map, .mapZero, .unmap, .discard, .releaseGuestPages,
                .removeVirtualGPU, .report:
                break
            }
        }
        drain()
    }

    private func drain() {
        guard !isDraining else { return }
        isDraining = true
        defer { isDraining = false }
        while true {
            if completesAborts, let id = aborted.first, let job = jobs.first(where: { $0.id == id }) {
                endJob(job, .aborted)
            } else if completesJobs, !jobs.isEmpty {
                endJob(nanoseconds: jobNanoseconds)
            } else if passesBarriers, !barriers.isEmpty {
                passBarrier()
            } else {
                return
            }
        }
    }
}
