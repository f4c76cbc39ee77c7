/// The jobs of one engine: one at work, the others in order.
struct EngineQueue {
    /// A job that the process has been given.
    struct Running {
        var job: WorkerJob
        var sentAt: UInt64
        /// When the process is killed for not letting it go. Present as soon as it is to be aborted.
        var abortDeadline: UInt64?
        /// Why the host refused a code object of it.
        var codeError: CodeObjectError?
        var codeRequests = 0
    }

    private(set) var waiting: [WorkerJob] = []
    var running: Running?

    mutating func append(_ job: WorkerJob) { waiting.append(job) }

    /// Moves the next job to work if there is none at work.
    mutating func startNext(at now: UInt64) -> WorkerJob? {
        guard running == nil, !waiting.isEmpty else { return nil }
        let job = waiting.removeFirst()
        running = Running(job: job, sentAt: now)
        return job
    }

    mutating func takeRunning() -> Running? {
        defer { running = nil }
        return running
    }

    mutating func takeWaiting() -> [WorkerJob] {
        defer { waiting = [] }
        return waiting
    }

    mutating func removeWaiting(_ id: UInt64) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.id == id }) else { return false }
        waiting.remove(at: index)
        return true
    }
}
