@testable import SoftGPU

/// Workers that take time: a job runs for as long, and ends as, its command buffer's address says.
///
/// With them virtual time goes on by itself from one end of a job, deadline or alarm to the next, and several jobs run
/// side by side.
final class VirtualWorkers {
    /// What a command buffer does. Its address says so, and for how many microseconds it runs before.
    enum Behaviour: UInt64 {
        case completes
        case faults
        case isInvalid
        case losesItsWorker
        /// Runs until it is told to stop, and then a microsecond more.
        case hangs
        /// Runs until its worker ends.
        case hangsForGood
    }

    static func commandBuffer(_ behaviour: Behaviour, microseconds: UInt64) -> UInt64 {
        behaviour.rawValue << 32 | microseconds << 3
    }

    private static let microsecond: UInt64 = 1_000

    private let host: TestHost
    /// When the jobs on workers began.
    private var starts: [JobID: UInt64] = [:]
    /// When those were told to stop that were.
    private var stops: [JobID: UInt64] = [:]

    /// Takes the ends of jobs of this host over.
    init(_ host: TestHost) {
        self.host = host
        host.completesJobs = false
        host.completesAborts = false
    }

    /// Lets time pass until an instant; calls `observe` wherever something could have happened.
    func run(until end: UInt64, observe: () -> Void) {
        while true {
            noteJobs()
            let deadline = host.model.nextDeadline.map { max($0.nanoseconds, host.now) } ?? .max
            let next = host.jobs.map(end(of:)).min() ?? .max
            guard min(deadline, next) <= end else { break }
            host.advance(by: min(deadline, next) - host.now)
            noteJobs()
            if let job = host.jobs.first(where: { self.end(of: $0) <= host.now }) {
                host.endJob(job, outcome(of: job), startedAt: starts.removeValue(forKey: job.id) ?? host.now)
            }
            observe()
        }
        host.advance(by: end - host.now)
        observe()
    }

    private func noteJobs() {
        for job in host.jobs where starts[job.id] == nil { starts[job.id] = host.now }
        for id in host.aborted where stops[id] == nil { stops[id] = host.now }
    }

    private func behaviour(of job: Job) -> Behaviour { Behaviour(rawValue: job.commandBuffer >> 32) ?? .isInvalid }

    private func end(of job: Job) -> UInt64 {
        if behaviour(of: job) == .hangsForGood { return .max }
        if let stop = stops[job.id] { return stop + Self.microsecond }
        if behaviour(of: job) == .hangs { return .max }
        return (starts[job.id] ?? host.now) + (job.commandBuffer & 0xffff_ffff) >> 3 * Self.microsecond
    }

    private func outcome(of job: Job) -> JobOutcome {
        if stops[job.id] != nil { return .aborted }
        switch behaviour(of: job) {
        case .completes, .hangs, .hangsForGood: return .completed
        case .faults: return .pageFault(address: 0xdead_0000, isWrite: true)
        case .isInvalid: return .invalidCommand(reason: "no such packet")
        case .losesItsWorker: return .lost(reason: "killed")
        }
    }
}
