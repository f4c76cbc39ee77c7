/// Hears what becomes of an address space's jobs. Always called from the loop, never from within a call to the worker.
public protocol AddressSpaceWorkerDelegate: AnyObject {
    /// A job is over; every job given to `run` is reported once, unless the worker is closed first. The times are
    /// monotonic nanoseconds; those of a job that never ran are the same.
    func worker(
        _ worker: AddressSpaceWorker, ended job: UInt64, outcome: JobOutcome, startedAt: UInt64, endedAt: UInt64)

    /// Something went wrong with the worker. It restarts the process by itself if that is over; jobs that are lost by
    /// it are reported on their own.
    func worker(_ worker: AddressSpaceWorker, failed failure: WorkerFailure)

    /// All calls before `synchronize(token:)` have taken effect: memory that was unmapped is out of reach.
    func worker(_ worker: AddressSpaceWorker, synchronized token: UInt64)
}

extension AddressSpaceWorkerDelegate {
    public func worker(_ worker: AddressSpaceWorker, synchronized token: UInt64) {}
}
