import Linux
import SoftGPU
import Workers

/// The worker of one GPU address space, as the model's effects use it: in the model's words, and with the guest's
/// existing system memory moved before and after each job where it is not shared.
final class SpaceWorker {
    let id: AddressSpaceID
    private unowned let server: Server
    private let session: GuestSession
    private var worker: AddressSpaceWorker?
    /// By job.
    private var running: [UInt64: Run] = [:]
    private var barriers: [UInt64: () -> Void] = [:]
    private var lastToken: UInt64 = 0

    private struct Run {
        let job: Job
        var transfer: CoherentTransfer?
        var isOnWorker = false
    }

    init(id: AddressSpaceID, session: GuestSession, server: Server) throws(SystemError) {
        self.id = id
        self.server = server
        self.session = session
        let engines = server.options.adapters.map(\.nodes.count).max() ?? 1
        var files = [
            WorkerFile(descriptor: session.ioSpace.descriptor.rawValue, bytes: session.ioSpace.bytes),
            WorkerFile(descriptor: session.local.descriptor.rawValue, bytes: session.local.bytes),
        ]
        for region in session.sharedRegions {
            files.append(WorkerFile(descriptor: region.memory.descriptor.rawValue, bytes: region.memory.bytes))
        }
        worker = try AddressSpaceWorker(
            loop: server.loop,
            options: WorkerOptions(
                executable: server.options.workerExecutable, lanes: server.options.lanes, engines: engines),
            files: files, delegate: self)
    }

    var isBusy: Bool { !running.isEmpty }

    // MARK: Memory

    func map(_ span: MemorySpan, at address: UInt64, _ access: SoftGPU.GPUAccess) {
        let (file, offset) = place(of: span)
        worker?.map(
            GPUMapping(
                address: address, length: span.length, file: file, offset: offset,
                access: access == .readWrite ? .readWrite : .read))
    }

    func mapZero(at address: UInt64, length: UInt64) { worker?.mapZero(address: address, length: length) }

    func unmap(_ address: UInt64, _ length: UInt64) { worker?.unmap(address: address, length: length) }

    /// Calls back once all earlier maps and unmaps are done, or the worker is gone.
    func barrier(_ passed: @escaping () -> Void) {
        guard let worker else { return passed() }
        lastToken += 1
        barriers[lastToken] = passed
        worker.synchronize(token: lastToken)
    }

    /// Files in the order that the worker was given them.
    private func place(of span: MemorySpan) -> (file: Int, offset: UInt64) {
        switch span.file {
        case .ioSpace: (0, span.offset)
        case .local: (1, span.offset)
        case .guestMemory(let region): (2 + region, session.sharedRegions[region].fileOffset + span.offset)
        }
    }

    // MARK: Jobs

    func run(_ job: Job) {
        running[job.id.rawValue] = Run(job: job)
        guard !job.coherent.isEmpty else { return start(job) }
        let transfer = CoherentTransfer(memories: job.coherent, session: session)
        running[job.id.rawValue]?.transfer = transfer
        transfer.fetch { [weak self] succeeded in
            guard let self, running[job.id.rawValue] != nil else { return }
            if succeeded {
                start(job)
            } else {
                finish(job, .pageFault(address: nil, isWrite: false), server.now, server.now)
            }
        }
    }

    private func start(_ job: Job) {
        running[job.id.rawValue]?.isOnWorker = true
        worker?.run(
            WorkerJob(id: job.id.rawValue, engine: job.node, commandBuffer: job.commandBuffer, length: job.length))
    }

    func abort(_ id: JobID) {
        guard let run = running[id.rawValue] else { return }
        if run.isOnWorker {
            worker?.abort(id.rawValue)
        } else {
            // A guest that does not answer must not keep its own job for ever.
            finish(run.job, .aborted, server.now, server.now)
        }
    }

    private func finish(_ job: Job, _ outcome: SoftGPU.JobOutcome, _ startedAt: Instant, _ endedAt: Instant) {
        guard let run = running.removeValue(forKey: job.id.rawValue) else { return }
        run.transfer?.end()
        server.jobEnded(job, outcome: outcome, startedAt: startedAt, endedAt: endedAt)
    }

    func close() {
        for run in running.values { run.transfer?.end() }
        running.removeAll()
        worker?.close()
        worker = nil
        let waiting = barriers.sorted { $0.key < $1.key }
        barriers.removeAll()
        for barrier in waiting { barrier.value() }
    }
}

extension SpaceWorker: AddressSpaceWorkerDelegate {
    func worker(
        _ worker: AddressSpaceWorker, ended id: UInt64, outcome: Workers.JobOutcome, startedAt: UInt64, endedAt: UInt64
    ) {
        guard let run = running[id] else { return }
        let job = run.job
        let result = SoftGPU.JobOutcome(outcome)
        let start = Instant(nanoseconds: startedAt)
        let end = Instant(nanoseconds: endedAt)
        running[id]?.isOnWorker = false
        guard let transfer = run.transfer else { return finish(job, result, start, end) }
        transfer.writeBack { [weak self] succeeded in
            self?.finish(job, succeeded ? result : .pageFault(address: nil, isWrite: true), start, end)
        }
    }

    /// A process that ended is replaced with its mappings; an address space that is not what the model believes is lost.
    func worker(_ worker: AddressSpaceWorker, failed failure: WorkerFailure) {
        switch failure {
        case .givenUp, .mappingRefused, .badMapping, .tooManyMappings:
            server.perform(server.model.addressSpaceFailed(id, reason: "\(failure)", at: server.now))
        default:
            server.log.guest(session.id, .warning, "\(id): \(failure)", at: server.loop.now)
        }
    }

    func worker(_ worker: AddressSpaceWorker, synchronized token: UInt64) {
        barriers.removeValue(forKey: token)?()
    }
}

extension SoftGPU.JobOutcome {
    init(_ outcome: Workers.JobOutcome) {
        self =
            switch outcome {
            case .completed: .completed
            case .pageFault(let address, let isWrite, _): .pageFault(address: address, isWrite: isWrite)
            case .invalidCommand(let offset, let reason):
                .invalidCommand(reason: "packet at \(offset): \(reason)")
            case .faulted(let offset, let fault): .invalidCommand(reason: "packet at \(offset): \(fault)")
            case .aborted: .aborted
            case .lost(let reason): .lost(reason: "\(reason)")
            }
    }
}
