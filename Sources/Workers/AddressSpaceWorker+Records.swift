internal import EventLoop
internal import WorkerProtocol

/// What a worker says about jobs, checked against what it was told.
extension AddressSpaceWorker {
    private static let mostCodeRequests = 4096
    private static let mostCodeBytes: UInt64 = 16 << 20

    /// The running job that a record is about; nothing if there is none, for which the process is killed.
    private func runningJob(_ id: UInt64, _ engine: UInt32, _ process: WorkerProcess) -> EngineQueue.Running? {
        guard let index = Int(exactly: engine), engines.indices.contains(index), let running = engines[index].running,
            running.job.id == id
        else {
            process.kill(.contradiction("spoke of job \(id) on engine \(engine), which does not run"))
            return nil
        }
        return running
    }

    func jobEnded(_ report: JobReport, _ process: WorkerProcess) {
        guard let running = runningJob(report.job, report.engine, process) else { return }
        let offset = report.packetOffset
        guard offset <= running.job.length else {
            return process.kill(.contradiction("ended a job at offset \(offset) of \(running.job.length)"))
        }
        let outcome: JobOutcome
        switch report.end {
        case .completed: outcome = .completed
        case .pageFault(let address, let write):
            outcome = .pageFault(address: address, write: write, packetOffset: offset)
        case .invalidCommand(let error): outcome = .invalidCommand(packetOffset: offset, reason: .packet(error))
        case .faulted(let fault): outcome = .faulted(packetOffset: offset, fault: fault)
        case .codeRefused:
            guard let error = running.codeError else {
                return process.kill(.contradiction("ended a job for code that was not refused"))
            }
            outcome = .invalidCommand(packetOffset: offset, reason: .codeObject(error))
        case .aborted:
            guard running.abortDeadline != nil else {
                return process.kill(.contradiction("aborted a job of its own accord"))
            }
            outcome = .aborted
        }
        hasWorked()
        // Its clock is believed only between the two moments that are known here.
        let now = loop.now
        let startedAt = min(max(report.startedAt, running.sentAt), now)
        finishJob(Int(report.engine), outcome, startedAt, min(max(report.endedAt, startedAt), now))
    }

    func provideCode(_ job: UInt64, _ engine: UInt32, _ address: UInt64, _ size: UInt64, _ process: WorkerProcess) {
        guard let running = runningJob(job, engine, process) else { return }
        let (end, overflow) = address.addingReportingOverflow(size)
        guard size > 0, size <= AddressSpaceWorker.mostCodeBytes, !overflow,
            running.codeRequests < AddressSpaceWorker.mostCodeRequests
        else { return process.kill(.contradiction("asked for \(size) bytes of code at \(address)")) }
        engines[Int(engine)].running?.codeRequests += 1
        let (pieces, missing) = table.pieces(of: address..<end)
        if let missing {
            return process.send(.codeUnmapped(job: job, engine: engine, address: missing))
        }
        var elf: [UInt8] = []
        for piece in pieces {
            guard let bytes = read(piece) else {
                return process.send(.codeUnmapped(job: job, engine: engine, address: piece.address))
            }
            // Mostly one piece, which need not be copied again.
            if elf.isEmpty { elf = bytes } else { elf += bytes }
        }
        do {
            process.offer(try options.codeImages.image(elf: elf), job: job, engine: engine)
        } catch {
            switch error {
            case .refused(let reason):
                engines[Int(engine)].running?.codeError = reason
                process.send(.codeRefused(job: job, engine: engine))
            case .system(let error): process.kill(.channel(error))
            }
        }
    }
}
