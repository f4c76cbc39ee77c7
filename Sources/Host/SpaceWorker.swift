import Carriers
import EventLoop
import Linux
import Logging
import SoftGPU
import WorkerProtocol
import Workers

/// The worker of one GPU address space, as the model's effects use it: in the model's words, and with the guest's
/// existing system memory moved before and after each job where it is not shared.
final class SpaceWorker {
    let id: AddressSpaceID
    private unowned let server: Server
    let session: GuestSession
    private var worker: AddressSpaceWorker?
    /// By job.
    private var running: [UInt64: Run] = [:]
    private var barriers: [UInt64: () -> Void] = [:]
    private var lastToken: UInt64 = 0
    /// The worker's file numbers of shared regions.
    private var regionFiles: [Int: Int] = [:]

    private struct Run {
        let job: Job
        var transfer: CoherentTransfer?
        var isOnWorker = false
    }

    init(id: AddressSpaceID, session: GuestSession, server: Server) throws(SystemError) {
        self.id = id
        self.server = server
        self.session = session
        let files = [
            WorkerFile(
                descriptor: session.ioSpace.file.descriptor.rawValue,
                bytes: session.ioSpace.fileOffset + session.ioSpace.bytes),
            WorkerFile(descriptor: session.local.descriptor.rawValue, bytes: session.local.bytes),
        ]
        var options = server.workerOptions
        options.codeImages = session.codeImages
        worker = try AddressSpaceWorker(loop: server.loop, options: options, files: files, delegate: self)
    }

    var isBusy: Bool { !running.isEmpty }

    // MARK: Memory

    func map(_ span: MemorySpan, at address: UInt64, _ access: ModelAccess) {
        do throws(SystemError) {
            let (file, offset) = try place(of: span)
            worker?.map(
                GPUMapping(
                    address: address, length: span.length, file: file, offset: offset,
                    access: access == .readWrite ? .readWrite : .read))
        } catch {
            server.perform(server.model.addressSpaceFailed(id, reason: "guest memory: \(error)", at: server.now))
        }
    }

    /// Reads give 0 there, and writes are forgotten.
    func mapZeros(_ address: UInt64, _ length: UInt64) { worker?.map(.zeros(address: address, length: length)) }

    func unmap(_ address: UInt64, _ length: UInt64) { worker?.unmap(address: address, length: length) }

    /// Calls back once all earlier maps and unmaps are done, or the worker is gone.
    func barrier(_ passed: @escaping () -> Void) {
        guard let worker else { return passed() }
        lastToken += 1
        barriers[lastToken] = passed
        if !worker.isClosed { worker.synchronize(token: lastToken) }
    }

    /// The worker's number of a file, and the place in it. Regions of guest memory are handed over at their first use,
    /// because a guest can share more at any time.
    private func place(of span: MemorySpan) throws(SystemError) -> (file: Int, offset: UInt64) {
        switch span.file {
        case .ioSpace: return (0, session.ioSpace.fileOffset + span.offset)
        case .local: return (1, span.offset)
        case .guestMemory(let index):
            let shared = session.sharedRegions[index]
            let offset = shared.region.fileOffset + span.offset
            if let file = regionFiles[index] { return (file, offset) }
            guard let worker else { return (0, 0) }
            let file = try worker.addFile(
                WorkerFile(descriptor: shared.file.rawValue, bytes: shared.region.fileOffset + shared.region.bytes))
            regionFiles[index] = file
            return (file, offset)
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

    private func finish(_ job: Job, _ outcome: ModelOutcome, _ startedAt: Instant, _ endedAt: Instant) {
        guard let run = running.removeValue(forKey: job.id.rawValue) else { return }
        run.transfer?.end()
        server.jobEnded(job, outcome: outcome, startedAt: startedAt, endedAt: endedAt)
    }

    /// Ends the worker. Barriers, those asked for later too, are passed when it is gone: until then it may touch
    /// memory.
    func close(_ gone: @escaping () -> Void) {
        for run in running.values { run.transfer?.end() }
        running.removeAll()
        worker?.close { [self] in
            worker = nil
            let waiting = barriers.sorted { $0.key < $1.key }
            barriers.removeAll()
            for barrier in waiting { barrier.value() }
            gone()
        }
    }
}

extension SpaceWorker: AddressSpaceWorkerDelegate {
    func worker(
        _ worker: AddressSpaceWorker, ended id: UInt64, outcome: Workers.JobOutcome, startedAt: UInt64, endedAt: UInt64
    ) {
        guard let run = running[id] else { return }
        let job = run.job
        let result = ModelOutcome(outcome)
        let start = Instant(nanoseconds: startedAt)
        let end = Instant(nanoseconds: endedAt)
        running[id]?.isOnWorker = false
        guard let transfer = run.transfer else { return finish(job, result, start, end) }
        transfer.writeBack { [weak self] succeeded in
            self?.finish(job, succeeded ? result : .pageFault(address: nil, isWrite: true), start, end)
        }
    }

    /// A process that ended is replaced with its mappings; an address space that is not what the model believes is
    /// lost.
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
