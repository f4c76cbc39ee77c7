import DXGProtocol
import DequeModule

/// How packets move: from the head of their queue to a node or to the objects that they signal.
extension SoftGPU {
    /// Jobs of different address spaces that a node runs at once.
    static let jobsPerNode = 4
    /// After this long a job no longer keeps others from starting: the processor's own scheduler shares from then on.
    static let sliceNanoseconds: UInt64 = 20_000_000

    func append(_ packet: Packet, to queue: Queue) {
        queue.device.process.queuedPackets += packet.weight
        queue.packets.append(packet)
        if let use = packet.use { queue.node.count(use, of: queue, hasEnded: false) }
        look(at: queue)
    }

    /// Lets memory go behind the work that a device has queued. False where it has none.
    func append(_ kind: Checkpoint.Kind, of allocations: [Allocation], behindWorkOf device: Device) -> Bool {
        let queues = device.queues.filter(\.hasWork)
        guard !queues.isEmpty, !allocations.isEmpty else { return false }
        let checkpoint = Checkpoint(kind, of: allocations, queues: queues.count)
        for queue in queues { append(.checkpoint(checkpoint), to: queue) }
        return true
    }

    /// Puts a queue on the list of those whose head has to be looked at.
    func look(at queue: Queue) {
        guard !queue.isPending else { return }
        queue.isPending = true
        pendingQueues.append(queue)
    }

    /// Puts a node on the list of those that may have room for work.
    func fill(_ node: Node) {
        guard !node.isPending else { return }
        node.isPending = true
        pendingNodes.append(node)
    }

    /// Lets everything go on that can. Nodes choose when all queues have been looked at, so that the first to be looked
    /// at has no advantage.
    func settle() {
        while true {
            while !pendingQueues.isEmpty {
                let queues = pendingQueues
                pendingQueues.removeAll(keepingCapacity: true)
                for queue in queues {
                    queue.isPending = false
                    advance(queue)
                }
            }
            guard !pendingNodes.isEmpty else { break }
            let node = pendingNodes.removeFirst()
            node.isPending = false
            dispatch(node)
        }
        settleFlushes()
        flushReleases()
    }

    private func advance(_ queue: Queue) {
        guard !queue.device.isDestroyed else { return }
        defer { if !queue.hasWork { queue.device.drainingQueues[queue.sequence] = nil } }
        while let packet = queue.packets.first {
            switch queue.state {
            case .ready, .waiting: return
            case .running:
                // Only a signal at submission overtakes the command buffer before it.
                guard case .signal(let signal) = packet, signal.isAtSubmission else { return }
            case .idle: break
            }
            switch packet {
            case .signal(let signal):
                remove(from: queue)
                arrive(at: signal)
            case .wait(let wait):
                let pending = QueueWait(queue: queue, objects: wait.objects, targets: wait.targets)
                guard register(pending) else {
                    queue.state = .waiting(pending)
                    return
                }
                remove(from: queue)
            case .updateAddresses(let update):
                remove(from: queue)
                apply(update)
            case .checkpoint(let checkpoint):
                remove(from: queue)
                arrive(at: checkpoint)
            case .submit(let submission) where submission.isNull:
                remove(from: queue)
                finish(submission, on: queue)
            case .submit:
                queue.state = .ready
                queue.readySince = freshID()
                queue.readyAt = now
                queue.node.enter(queue)
                return fill(queue.node)
            }
        }
    }

    private func remove(from queue: Queue) {
        guard let packet = queue.packets.popFirst() else { return }
        queue.device.process.queuedPackets -= packet.weight
        if let use = packet.use, use != .render { queue.node.count(use, of: queue, hasEnded: true) }
    }

    /// A wait of this queue has become satisfied.
    func waitEnded(_ wait: QueueWait, of queue: Queue) {
        guard case .waiting(let current) = queue.state, current === wait else { return }
        queue.state = .idle
        remove(from: queue)
        look(at: queue)
    }

    private func arrive(at signal: SignalPacket) {
        signal.queuesLeft -= 1
        guard signal.queuesLeft == 0 else { return }
        if signal.event != 0 {
            notify(signal.process, event: signal.event, isLast: true)
        }
        for (object, value) in signal.objects { self.signal(object, value, allowsRewind: signal.allowsRewind) }
    }

    private func finish(_ submission: Submission, on queue: Queue) {
        queue.node.count(.render, of: queue, hasEnded: true)
        if let progress = submission.progress { signal(progress.fence, progress.value, allowsRewind: false) }
    }

    // MARK: Nodes

    /// Starts what a node has room for.
    private func dispatch(_ node: Node) {
        while true {
            let occupying = node.running.count { $0.startedAt.advanced(by: Self.sliceNanoseconds) > now }
            guard occupying < Self.jobsPerNode else { return }
            let choices = node.lines.filter { !$0.isBusy }.flatMap(\.candidates)
            guard !choices.isEmpty else { return }
            start(choices[policy.choose(from: choices.map(candidate))], on: node)
        }
    }

    private func candidate(_ queue: Queue) -> SchedulingCandidate {
        let process = queue.device.process
        return SchedulingCandidate(
            guest: process.machine.id, guestNanoseconds: queue.node.share(of: process.machine.id),
            processHandle: process.handle.rawValue, lastTurn: queue.line.lastTurn, priority: queue.priority,
            inProcessPriority: queue.inProcessPriority, readySince: queue.readySince,
            waitedNanoseconds: now.nanoseconds - queue.readyAt.nanoseconds)
    }

    private func start(_ queue: Queue, on node: Node) {
        guard case .submit(let submission)? = queue.packets.first else { preconditionFailure("nothing to start") }
        remove(from: queue)
        let device = queue.device
        let space = space(of: device.process, on: device.adapter)
        space.open()
        let timesOut = !(device.disablesTimeout || queue.disablesTimeout)
        let fences = writableFences(of: device.process, on: device.adapter)
        let running = RunningJob(
            id: JobID(rawValue: freshID()), space: space, device: device, queue: queue, submission: submission,
            startedAt: now, deadline: timesOut ? now.advanced(by: options.timeouts.packetNanoseconds) : nil,
            fences: fences)
        queue.state = .running(running)
        node.start(running, turn: freshID())
        device.runningJobs[running.id] = running
        runningJobs[running.id] = running
        effects.append(
            .run(
                Job(
                    id: running.id, space: space.id, guest: device.process.machine.id, node: node.ordinal,
                    commandBuffer: submission.commandBuffer, length: submission.length,
                    coherent: coherentMemory(of: space), fenceOffsets: fences.compactMap(\.page))))
        look(at: queue)
    }

    /// The process's fences that GPU code can write: those with a GPU address and the right to signal.
    private func writableFences(of process: GuestProcess, on adapter: VirtualAdapter) -> [SyncObjectOpen] {
        process.gpuFences[adapter.index].inOrder
    }

    private func coherentMemory(of space: AddressSpace) -> [CoherentMemory] {
        space.process.shadowed.inOrder.compactMap { allocation in
            guard case .guestPages(let pages) = allocation.memory.backing, let shadow = pages.shadow,
                allocation.device.adapter === space.adapter, pages.isComplete, allocation.memory.isResident,
                !allocation.mappedStarts.isEmpty
            else { return nil }
            return CoherentMemory(id: pages.id, pages: pages.frames.compactMap { $0 }, shadow: shadow)
        }
    }

    /// A job has left its worker.
    func end(_ id: JobID, outcome: JobOutcome, fences: [UInt64], nanoseconds: UInt64) {
        guard let job = runningJobs.removeValue(forKey: id) else { return }
        let node = job.queue.node
        node.end(job, nanoseconds: nanoseconds)
        job.device.runningJobs[id] = nil
        job.queue.state = .idle

        adoptWrites(of: job, values: fences)
        if job.ending != .discarded { conclude(job, outcome) }
        for reply in job.completions { settle(reply) }
        look(at: job.queue)
        fill(node)
    }

    private func conclude(_ job: RunningJob, _ outcome: JobOutcome) {
        let device = job.device
        switch outcome {
        case .completed: return finish(job.submission, on: job.queue)
        case .casualty: break
        default: job.queue.node.countFault(of: job.queue)
        }
        switch outcome {
        case .completed: break
        case .pageFault(let address, let isWrite):
            let place = address.map { "0x" + String($0, radix: 16) } ?? "an unknown address"
            report(.info, device.process, "", nil, "page fault: \(isWrite ? "write to" : "read of") \(place)")
            lose(device, .errorDmaPageFault, pageFault: PageFaultRecord(address: address ?? 0, isWrite: isWrite))
        case .invalidCommand(let reason):
            report(.info, device.process, "", nil, "GPU fault: \(reason)")
            lose(device, .errorDmaFault)
        case .aborted where job.ending == .timedOut:
            report(.warning, device.process, "", nil, "the GPU hung: a packet ran longer than the timeout")
            recover(from: device, nodeIsFree: true)
        case .casualty(let reason):
            report(.warning, device.process, "", nil, "the worker was lost with another device's work: \(reason)")
            lose(device, .reset)
        case .aborted, .lost:
            if case .lost(let reason) = outcome {
                report(.warning, device.process, "", nil, "the worker was lost: \(reason)")
            }
            lose(device, .hung)
        }
    }

    /// Takes over what the GPU wrote to fences: such a write is a signal (docs/protocol/semantics.md 8.2). A fence
    /// whose signaller is lost keeps its mark whatever a stopped job wrote over it.
    private func adoptWrites(of job: RunningJob, values: [UInt64]) {
        let written = zip(job.fences, values).filter { open, value in !open.isClosed && value != open.published }
        for (open, value) in written {
            if open.object.value != Self.lossMarker {
                open.object.value = value
                publish(open.object)
                wake(open.object)
            } else if let page = open.page {
                effects.append(.storeFence(open.object.machine.id, offset: page, value: open.published))
            }
        }
    }
}
