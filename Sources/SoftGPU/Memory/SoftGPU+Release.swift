import DXGProtocol

/// Memory on its way back: first out of the workers, then zeroed, then free.
extension SoftGPU {
    /// What has to wait until workers have carried out all that they were told.
    struct PendingBarrier {
        let machine: VirtualMachine
        let spaces: [AddressSpaceID]
        let spans: [MemorySpan]
        let replies: [DeferredReply]
        let offers: [(memory: AllocationMemory, order: UInt64)]
        /// Address spaces with the workers that were told to end.
        var departures: [(space: AddressSpace, worker: AddressSpaceID)] = []
    }

    /// What one input lets go in one guest: one barrier is enough for all of it.
    struct Releases {
        let machine: VirtualMachine
        var spaces: [AddressSpace] = []
        var spans: [MemorySpan] = []
        var replies: [DeferredReply] = []
        var offers: [(memory: AllocationMemory, order: UInt64)] = []
        var departures: [(space: AddressSpace, worker: AddressSpaceID)] = []

        mutating func wait(for others: [AddressSpace]) {
            for space in others where !spaces.contains(where: { $0 === space }) { spaces.append(space) }
        }
    }

    /// Gives a file range back once none of these workers can reach it any more.
    func release(_ span: MemorySpan, of machine: VirtualMachine, after spaces: [AddressSpace]) {
        let index = releases(of: machine)
        releases[index].spans.append(span)
        releases[index].wait(for: spaces)
    }

    /// Answers once all these workers have done what they were told so far.
    func answer(_ reply: DeferredReply, of machine: VirtualMachine, after spaces: [AddressSpace]) {
        reply.outstanding += 1
        let index = releases(of: machine)
        releases[index].replies.append(reply)
        releases[index].wait(for: spaces)
    }

    /// Settles an offer once all these workers have done what they were told so far.
    func settle(_ offer: UInt64, of memory: AllocationMemory, after spaces: [AddressSpace]) {
        let index = releases(of: memory.machine)
        releases[index].offers.append((memory, offer))
        releases[index].wait(for: spaces)
    }

    /// Notes that a worker of an address space was told to end: it counts as gone once it has been collected, not when
    /// it is told.
    func noteDeparture(of worker: AddressSpaceID, from space: AddressSpace, _ machine: VirtualMachine) {
        let index = releases(of: machine)
        releases[index].departures.append((space, worker))
        releases[index].wait(for: [space])
    }

    /// Answers with SUCCESS: at once, or where a worker may still touch the guest's own pages that it had mapped,
    /// once none does, because the guest takes them back right after the reply.
    func answer(_ call: Call, whenUnseenBy spaces: [AddressSpace]) -> [UInt8]? {
        let done = StatusReply.bytes(.success)
        guard spaces.contains(where: { !$0.workers.isEmpty }), let completion = call.completion else { return done }
        answer(DeferredReply(completion: completion, bytes: done), of: call.machine, after: spaces)
        return nil
    }

    private func releases(of machine: VirtualMachine) -> Int {
        if let index = releases.firstIndex(where: { $0.machine === machine }) { return index }
        releases.append(Releases(machine: machine))
        return releases.count - 1
    }

    /// Ends an input: what it let go waits behind a barrier, or goes at once where no worker has it.
    func flushReleases() {
        let all = releases
        releases.removeAll(keepingCapacity: true)
        for release in all {
            let spaces = release.spaces.flatMap(\.workers).sorted()
            let pending = PendingBarrier(
                machine: release.machine, spaces: spaces, spans: release.spans, replies: release.replies,
                offers: release.offers, departures: release.departures)
            guard !spaces.isEmpty else {
                pass(pending)
                continue
            }
            let barrier = BarrierID(rawValue: freshID())
            barriers[barrier] = pending
            effects.append(.barrier(barrier, spaces))
        }
    }

    func pass(_ barrier: PendingBarrier) {
        for (space, worker) in barrier.departures { space.departing.removeAll { $0 == worker } }
        for span in barrier.spans {
            effects.append(.discard(barrier.machine.id, span))
            switch span.file {
            case .ioSpace: barrier.machine.ioPages.free(span.offset)
            case .local: barrier.machine.localPages.free(span.offset)
            case .guestMemory: preconditionFailure("guest memory is not the host's to free")
            }
        }
        for reply in barrier.replies { settle(reply) }
        for (memory, order) in barrier.offers { offerSettled(memory, order) }
    }

    /// One of the things that a reply waits for has happened.
    func settle(_ reply: DeferredReply) {
        reply.outstanding -= 1
        guard reply.outstanding == 0 else { return }
        complete(reply.completion, reply.bytes)
    }
}
