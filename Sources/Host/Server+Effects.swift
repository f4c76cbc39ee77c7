import Carriers
import Configuration
import EventLoop
import Linux
import SoftGPU

/// The model's effects, carried out. An effect on a guest or an address space that is gone does nothing.
extension Server {
    func carryOut(_ effect: Effect) {
        switch effect {
        case .complete(let guest, let channel, let transaction, let bytes):
            sessions[guest]?.complete(channel, transaction: transaction, bytes)
        case .notify(let guest, let bytes):
            sessions[guest]?.notify(bytes)
        case .storeFence(let guest, let offset, let value):
            sessions[guest]?.storeFence(value, at: offset)
        case .openAddressSpace(let id, let guest, _, _):
            openSpace(id, guest)
        case .closeAddressSpace(let id):
            closeSpace(id)
        case .map(let id, let address, let span, let access):
            spaces[id]?.map(span, at: address, access)
        case .mapZero(let id, let address, let length):
            spaces[id]?.mapZeros(address, length)
        case .unmap(let id, let address, let length):
            spaces[id]?.unmap(address, length)
        case .barrier(let barrier, let ids):
            passBarrier(barrier, ids)
        case .discard(let guest, let span):
            discard(span, of: guest)
        case .releaseGuestPages(let guest, let pages):
            sessions[guest]?.coherence.release(pages)
        case .run(let job):
            run(job)
        case .abort(let job, let space):
            spaces[space]?.abort(job)
        case .removeVirtualGPU(let guest, let index):
            sessions[guest]?.removeVirtualGPU(index)
        case .report(let diagnostic):
            log.diagnostic(diagnostic, at: loop.now)
        }
    }

    private func openSpace(_ id: AddressSpaceID, _ guest: GuestID) {
        guard let session = sessions[guest] else { return }
        if let reason = workerRefusal(for: session) {
            return perform(model.addressSpaceFailed(id, reason: reason, at: now))
        }
        do throws(SystemError) {
            spaces[id] = try SpaceWorker(id: id, session: session, server: self)
        } catch {
            perform(model.addressSpaceFailed(id, reason: "no worker: \(error)", at: now))
        }
    }

    /// Why no worker may be started for a guest, if so.
    private func workerRefusal(for session: GuestSession) -> String? {
        if let limit = options.settings.limits.workers, spaces.count >= limit {
            return "the server's limit of \(limit) workers is reached"
        }
        if let limit = session.settings.limits.workers,
            spaces.values.lazy.filter({ $0.session === session }).count >= limit
        {
            return "the guest's limit of \(limit) workers is reached"
        }
        return nil
    }

    private func closeSpace(_ id: AddressSpaceID) {
        guard let space = spaces.removeValue(forKey: id) else { return }
        closingSpaces[id] = space
        space.close { [weak self] in self?.closingSpaces[id] = nil }
        continueDraining()
    }

    private func run(_ job: Job) {
        if let space = spaces[job.space] {
            space.run(job)
        } else {
            jobEnded(job, outcome: .lost(reason: "there is no worker"), startedAt: now, endedAt: now)
        }
    }

    /// Reports the end of a job with what its fences hold now.
    func jobEnded(_ job: Job, outcome: ModelOutcome, startedAt: Instant, endedAt: Instant) {
        let fences = sessions[job.guest].map { session in
            job.fenceOffsets.map { session.ioSpace.loadUInt64(at: Int($0)) }
        }
        perform(
            model.jobEnded(
                job.id, outcome: outcome, fences: fences ?? [], startedAt: startedAt, endedAt: endedAt, at: now))
        continueDraining()
    }

    /// The barrier is passed when the last of the workers has carried out all that it was told before.
    private func passBarrier(_ barrier: BarrierID, _ ids: [AddressSpaceID]) {
        let workers = ids.compactMap { spaces[$0] ?? closingSpaces[$0] }
        guard !workers.isEmpty else { return perform(model.barrierPassed(barrier, at: now)) }
        var outstanding = workers.count
        for worker in workers {
            worker.barrier { [weak self] in
                outstanding -= 1
                guard outstanding == 0, let self else { return }
                perform(model.barrierPassed(barrier, at: now))
            }
        }
    }

    private func discard(_ span: MemorySpan, of guest: GuestID) {
        guard let session = sessions[guest] else { return }
        do throws(SystemError) {
            let range = span.offset..<span.offset + span.length
            switch span.file {
            case .ioSpace: try session.ioSpace.discard(range)
            case .local: try session.local.punchHole(range)
            case .guestMemory: preconditionFailure("guest memory is not the host's to discard")
            }
        } catch {
            // The next owner of the range would read this one's bytes: the guest cannot go on.
            session.carrier.refuse(.resourceLimit, "memory could not be given back: \(error)")
        }
    }
}
