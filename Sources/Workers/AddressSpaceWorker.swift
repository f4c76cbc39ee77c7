public import EventLoop
public import Linux
internal import WorkerProtocol

/// A GPU address space: a worker process with what is mapped in it, and the jobs that it runs.
///
/// All calls return at once; what comes of them is told to the delegate. The process is treated as hostile: it can
/// reach only what is mapped here, and one that says what cannot be so is killed. A process that ends is replaced by
/// one with the same mappings, since all memory lives in the files. Used on the loop's thread only, which must be the
/// thread that lives as long as the processes do: they end with it.
public final class AddressSpaceWorker {
    weak var delegate: (any AddressSpaceWorkerDelegate)?
    let loop: EventLoop
    let options: WorkerOptions
    private var files: [OwnedFile] = []
    var table = MappingTable()
    var engines: [EngineQueue]
    var process: WorkerProcess?
    /// Tokens that the process has been asked to synchronise, oldest first.
    private var tokens: [UInt64] = []
    var refusedOrders = 0

    /// Processes that ended, since the last one that finished a job, and since the last one that became ready.
    private var failuresInARow = 0
    private var failedStartsInARow = 0
    private var isGivenUp = false
    /// Whether `close` has been called.
    public private(set) var isClosed = false
    private var startDeadline: UInt64?
    private var restartTime: UInt64?
    private var timer: Timer?

    private static let mostFailedStarts = 8
    private static let restartDelay: UInt64 = 5_000_000
    private static let longestRestartDelay: UInt64 = 1_000_000_000

    /// Launches the process. Jobs and mappings may be given at once.
    ///
    /// - Throws: when a file cannot be duplicated. A launch that fails is told to the delegate.
    public init(
        loop: EventLoop, options: WorkerOptions, files: [WorkerFile], delegate: any AddressSpaceWorkerDelegate
    ) throws(SystemError) {
        precondition((1...Channel.maximumEngines).contains(options.engines), "engines of a worker")
        precondition((1...Channel.maximumLanes - Channel.maximumEngines).contains(options.lanes), "lanes of a worker")
        self.loop = loop
        self.options = options
        self.delegate = delegate
        engines = Array(repeating: EngineQueue(), count: options.engines)
        for file in files { _ = try addFile(file) }
        timer = Timer(loop) { [unowned self] in timeHasCome() }
        launch()
    }

    deinit { close() }

    /// The id of the process that runs at the moment.
    public var processID: Int32? { process?.processID }

    /// How many separate mappings there are.
    public var mappingCount: Int { table.count }

    /// Adds a file that mappings can name, and returns its index.
    public func addFile(_ file: WorkerFile) throws(SystemError) -> Int {
        precondition(files.count < Channel.maximumFiles, "files of a worker")
        files.append(OwnedFile(try FileDescriptor(duplicating: file.descriptor)))
        return files.count - 1
    }

    /// Maps a slice of a file, in place of what is mapped there. Takes effect before jobs that are run later.
    public func map(_ mapping: GPUMapping) {
        guard !isClosed else { return }
        guard Channel.isMappable(address: mapping.address, length: mapping.length, offset: mapping.offset),
            mapping.file == GPUMapping.zeros || files.indices.contains(mapping.file)
        else { return report(.badMapping(mapping)) }
        guard table.count < options.maximumMappings else { return report(.tooManyMappings(mapping)) }
        table.insert(mapping)
        if let process, process.isReady { process.send(AddressSpaceWorker.order(mapping)) }
    }

    /// Takes a range out of the address space: multiples of 4096. Memory may be reused for something else once a later
    /// `synchronize` is answered.
    public func unmap(address: UInt64, length: UInt64) {
        guard !isClosed else { return }
        guard Channel.isMappable(address: address, length: length) else {
            return report(.badMapping(GPUMapping(address: address, length: length, file: -1, offset: 0, access: [])))
        }
        table.remove(address..<address + length)
        if let process, process.isReady { process.send(.unmap(address: address, length: length)) }
    }

    /// Asks to be told when all earlier calls have taken effect.
    public func synchronize(token: UInt64) {
        guard !isClosed else { return }
        if let process, process.isReady {
            tokens.append(token)
            process.send(.synchronize(token: token))
        } else {
            // No process has anything mapped, and the next one starts with what is mapped then.
            loop.afterThisTurn { [weak self] in self?.tellSynchronized(token) }
        }
    }

    /// Ends everything without a word to the delegate. Nothing reaches the files any more when `gone` is called, which
    /// may be before this returns. Idempotent: later calls do nothing.
    public func close(_ gone: @escaping () -> Void = {}) {
        guard !isClosed else { return }
        isClosed = true
        timer?.close()
        timer = nil
        if let process { process.close(gone) } else { gone() }
        process = nil
        files = []
        table = MappingTable()
        engines = []
    }

    // MARK: - Processes

    private func launch() {
        restartTime = nil
        do {
            let process = try WorkerProcess(loop, options)
            process.delegate = self
            self.process = process
            startDeadline = loop.now &+ options.startPatienceNanoseconds
        } catch {
            let failure = WorkerFailure.launch(error)
            loop.afterThisTurn { [weak self] in self?.failed(failure) }
        }
        schedule()
    }

    /// Accounts for a process that is over, and starts the next one.
    private func failed(_ failure: WorkerFailure) {
        guard !isClosed else { return }
        process = nil
        startDeadline = nil
        failuresInARow += 1
        failedStartsInARow += 1
        if failedStartsInARow >= AddressSpaceWorker.mostFailedStarts {
            isGivenUp = true
        } else {
            restartTime = loop.now &+ delayBeforeRestart
        }
        schedule()
        let lost = engines.indices.compactMap { engines[$0].takeRunning() }
        let waiting = isGivenUp ? engines.indices.flatMap { engines[$0].takeWaiting() } : []
        let tokens = self.tokens
        self.tokens = []
        delegate?.worker(self, failed: failure)
        let now = loop.now
        for running in lost {
            let outcome: JobOutcome = running.abortDeadline == nil ? .lost(failure) : .aborted
            tellEnded(running.job.id, outcome, running.sentAt, now)
        }
        for job in waiting { tellEnded(job.id, .lost(.givenUp), now, now) }
        for token in tokens { tellSynchronized(token) }
        if isGivenUp, !isClosed { delegate?.worker(self, failed: .givenUp) }
    }

    /// None the first time, then more and more.
    private var delayBeforeRestart: UInt64 {
        if failuresInARow <= 1 { return 0 }
        let doublings = UInt64(min(failuresInARow, 16))
        return min(AddressSpaceWorker.restartDelay << doublings, AddressSpaceWorker.longestRestartDelay)
    }

    /// Says that the process has done something useful.
    func hasWorked() { failuresInARow = 0 }

    private func schedule() {
        guard let timer else { return }
        let aborts = engines.compactMap { $0.running?.abortDeadline }
        let times = [startDeadline, restartTime].compactMap { $0 } + aborts
        if let next = times.min() { timer.start(at: next) } else { timer.stop() }
    }

    private func timeHasCome() {
        let now = loop.now
        if let time = restartTime, time <= now { return launch() }
        if let deadline = startDeadline, deadline <= now {
            startDeadline = nil
            process?.kill(.startTimeout)
        }
        let late = engines.compactMap { $0.running }.filter { ($0.abortDeadline ?? .max) <= now }
        if let running = late.first {
            for index in engines.indices where (engines[index].running?.abortDeadline ?? .max) <= now {
                engines[index].running?.abortDeadline = .max
            }
            process?.kill(.unresponsive(job: running.job.id))
        }
        schedule()
    }

    // MARK: - Jobs

    /// Runs a job. It waits for its engine, and for the process to be ready.
    public func run(_ job: WorkerJob) {
        guard !isClosed else { return }
        precondition(engines.indices.contains(job.engine), "engine of a worker's job")
        precondition(job.id != 0, "id of a worker's job")
        if isGivenUp {
            let now = loop.now
            loop.afterThisTurn { [weak self] in self?.tellEnded(job.id, .lost(.givenUp), now, now) }
            return
        }
        engines[job.engine].append(job)
        startJob(job.engine)
    }

    /// Ends a job early. Its end is told as usual: `aborted`, or how it ended otherwise just before.
    public func abort(_ id: UInt64) {
        for index in engines.indices {
            if engines[index].running?.job.id == id {
                guard engines[index].running?.abortDeadline == nil else { return }
                engines[index].running?.abortDeadline = loop.now &+ options.abortPatienceNanoseconds
                process?.send(.abort(job: id, engine: UInt32(index)))
                return schedule()
            }
            if engines[index].removeWaiting(id) {
                let now = loop.now
                loop.afterThisTurn { [weak self] in self?.tellEnded(id, .aborted, now, now) }
                return
            }
        }
    }

    /// Gives an engine its next job if it is idle.
    func startJob(_ index: Int) {
        guard let process, process.isReady, let job = engines[index].startNext(at: loop.now) else { return }
        process.send(
            .run(RunOrder(job: job.id, engine: UInt32(index), address: job.commandBuffer, length: job.length)))
    }

    /// Takes the running job off its engine and tells of its end.
    func finishJob(_ index: Int, _ outcome: JobOutcome, _ startedAt: UInt64, _ endedAt: UInt64) {
        guard let running = engines[index].takeRunning() else { return }
        if running.abortDeadline != nil { schedule() }
        startJob(index)
        tellEnded(running.job.id, outcome, startedAt, endedAt)
    }

    // MARK: - The delegate

    private func tellEnded(_ job: UInt64, _ outcome: JobOutcome, _ startedAt: UInt64, _ endedAt: UInt64) {
        guard !isClosed else { return }
        delegate?.worker(self, ended: job, outcome: outcome, startedAt: startedAt, endedAt: endedAt)
    }

    private func tellSynchronized(_ token: UInt64) {
        guard !isClosed else { return }
        delegate?.worker(self, synchronized: token)
    }

    func tellFailed(_ failure: WorkerFailure) {
        guard !isClosed else { return }
        delegate?.worker(self, failed: failure)
    }

    private func report(_ failure: WorkerFailure) {
        loop.afterThisTurn { [weak self] in self?.tellFailed(failure) }
    }

    // MARK: - Files

    func descriptor(ofFile index: Int) -> Int32? {
        files.indices.contains(index) ? files[index].descriptor.rawValue : nil
    }

    /// The bytes of a mapping's slice; nothing when the file has become shorter.
    func read(_ piece: GPUMapping) -> [UInt8]? {
        try? files[piece.file].descriptor.read(at: piece.offset, count: Int(piece.length))
    }

    static func order(_ mapping: GPUMapping) -> HostRecord {
        .map(
            MapOrder(
                address: mapping.address, length: mapping.length,
                descriptor: mapping.file == GPUMapping.zeros
                    ? Channel.zeros : Channel.firstFileDescriptor + UInt32(mapping.file), offset: mapping.offset,
                access: mapping.access))
    }
}

extension AddressSpaceWorker: WorkerProcessDelegate {
    func processIsReady(_ process: WorkerProcess) {
        startDeadline = nil
        failedStartsInARow = 0
        schedule()
        for mapping in table.mappings { process.send(AddressSpaceWorker.order(mapping)) }
        for index in engines.indices { startJob(index) }
    }

    func process(_ process: WorkerProcess, descriptorOfFile index: Int) -> Int32? { descriptor(ofFile: index) }

    func process(_ process: WorkerProcess, ended failure: WorkerFailure) { failed(failure) }

    func process(_ process: WorkerProcess, said record: WorkerRecord) {
        switch record {
        case .ended(let report): jobEnded(report, process)
        case .needCode(let job, let engine, let address, let size):
            provideCode(job, engine, address, size, process)
        case .synchronized(let token):
            guard tokens.first == token else {
                return process.kill(.contradiction("synchronised \(token) unasked"))
            }
            tokens.removeFirst()
            tellSynchronized(token)
        case .orderFailed(let address, let length, let code):
            refusedOrders += 1
            guard refusedOrders <= options.maximumMappings else {
                return process.kill(.contradiction("failed more orders than it can have had"))
            }
            tellFailed(.mappingRefused(address: address, length: length, code: code))
        case .hello, .ready, .failed: return
        }
    }
}

/// A file of the address space.
private final class OwnedFile {
    let descriptor: FileDescriptor

    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}
