import DXGProtocol

@testable import SoftGPU

/// Command buffers and the queues that they are in.
extension TraceChecker {
    // MARK: Submissions

    func submitCommand(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(SubmitCommand.Request.self) { request in
            let handles = request.broadcastContext
            for index in 0..<Int(request.broadcastContextCount) {
                guard let context = context(handles[index], exchange) else { continue }
                submit(
                    request.commandBuffer, request.commandLength,
                    isNull: context.isNullRendering || request.flagsNullRendering, to: context.queue)
            }
        }
    }

    func submitCommandToHwQueue(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(SubmitCommandToHwQueue.Request.self) { request in
            let found = named(request.hwqueue, "hardware queue", exchange) { object -> (QueueRecord, FenceOpen)? in
                if case .hwQueue(let queue, let progress) = object { (queue, progress) } else { nil }
            }
            guard let (queue, progress) = found else { return }
            submit(request.commandBuffer, request.commandLength, isNull: queue.isNullRendering, to: queue)
            let signal = SignalRecord(
                [(progress.fence, request.hwqueueProgressFenceId)], process: queue.device.process)
            progress.fence.signals.append(signal)
            enqueue(signal, on: [queue])
        }
    }

    private func submit(_ address: UInt64, _ length: UInt32, isNull: Bool, to queue: QueueRecord) {
        queue.append(
            .submit(SubmitRecord(address: AddressSpace.plain(address), length: UInt64(length), isNull: isNull)))
        step.queues.append(queue)
    }

    // MARK: Jobs

    /// A worker is told to run a command buffer: it must be the next one of a queue of its process.
    func started(_ job: Job) {
        step.starters.insert(job.guest)
        guard let worker = workers.workers[job.space], let guest = guests[worker.guest],
            let process = guest.processes[worker.process]
        else { return find(.cause, "\(job.id) runs for no process") }
        let queues = process.queues.filter { queue in
            guard !queue.isDead, queue.device.adapter == worker.adapter, queue.node == job.node,
                let next = queue.nextSubmit
            else { return false }
            return next.submit.address == job.commandBuffer && next.submit.length == job.length
        }
        guard let queue = queues.first, let (submit, position) = queue.nextSubmit else {
            return find(
                .cause, "\(job.id) runs \(job.length) bytes at \(job.commandBuffer), which is no queue's next")
        }
        if queues.count > 1 { for queue in queues { queue.isUncertain = true } }
        submit.job = job.id
        jobs[job.id] = (queue, submit)
        if !queue.isUncertain { queue.pass(to: position) }
        step.queues.append(queue)
    }

    func endJob(_ id: JobID, _ outcome: JobOutcome, _ fences: [UInt64]) {
        guard let job = workers.end(id), let guest = guests[job.guest] else { return }
        for (offset, value) in zip(job.fenceOffsets, fences) {
            guard let fence = guest.pages[offset]?.fence, fence.value != value else { continue }
            step.writes.append((fence, value))
            // A fence whose signaller is lost keeps its mark.
            if fence.value == .max { step.writes.append((fence, .max)) }
        }
        guard let (queue, submit) = jobs.removeValue(forKey: id) else { return }
        step.endedOn = queue.device
        if outcome == .completed {
            submit.isDone = true
        } else {
            lose(queue.device)
        }
        step.queues.append(queue)
    }

    // MARK: Progress

    /// Takes out of the queues what is done for sure, and finds what should have happened with it.
    func advanceQueues() {
        for queue in step.queues where !queue.isDead && !queue.device.isDying && !queue.isUncertain {
            while queue.isFirstDone { queue.pass(to: queue.first + 1) }
            for packet in queue.takePassed() { passed(packet) }
        }
        for device in step.lost {
            for queue in device.process.queues where queue.device === device { drop(queue) }
            device.isDead = true
        }
    }

    private func passed(_ packet: QueueRecord.Packet) {
        switch packet {
        case .wait(let wait): for fence in wait.fences { fence.queueWaits.removeAll { $0 === wait } }
        case .signal(let signal):
            signal.arrivals += 1
            guard signal.arrivals == signal.places.count else { return }
            for (fence, value) in signal.objects {
                fence.signals.removeAll { $0 === signal }
                if fence.isKnown, !fence.hasGoneBack, fence.value < value {
                    find(.lateWait, "a fence is at \(fence.value), its queue has come to its signal of \(value)")
                }
            }
            if signal.event != 0, !signal.isTaken { missing(signal) }
        case .submit, .update: break
        }
    }

    private func missing(_ signal: SignalRecord) {
        find(.lateWait, "event \(signal.event) does not come although its queues have come to it or are gone")
        signal.process.guest.cpuEvents[signal.event]?.removeAll { $0 === signal }
    }

    /// A device is gone: what it has queued does not take effect, and nobody waits for its events in vain.
    private func drop(_ queue: QueueRecord) {
        queue.pass(to: queue.end)
        for packet in queue.takePassed() {
            switch packet {
            case .wait(let wait): for fence in wait.fences { fence.queueWaits.removeAll { $0 === wait } }
            case .signal(let signal):
                for object in signal.objects { object.fence.signals.removeAll { $0 === signal } }
                if signal.event != 0, !signal.isTaken { missing(signal) }
                signal.isTaken = true
            case .submit, .update: break
            }
        }
        queue.device.process.queues.removeAll { $0 === queue }
    }

    // MARK: Losses

    /// A device takes no more work, and what it has queued does not take effect.
    func lose(_ device: DeviceRecord) {
        guard !device.isDead, !device.isDying else { return }
        device.isDying = true
        step.lost.append(device)
    }

    /// The devices that a guest is told in this step to ask for the state of. One cookie may stand for many.
    func findLosses(_ effects: [Effect]) {
        for case .notify(let id, let bytes) in effects {
            guard let guest = guests[id], let view = try? MessageView<SetGuestData.Message>(bytes.wireBytes),
                HostMessage(rawValue: view.header.commandType) == .setGuestData
            else { continue }
            step.hasLoss = true
            let told = guest.processes.values.flatMap(\.devices).filter { $0.errorCookie == view.guestPointer }
            if told.isEmpty { find(.cause, "\(id) hears of \(view.guestPointer), which is no device's cookie") }
            let devices = told.filter { !$0.isDead }
            if devices.count == 1 {
                checkLoss(of: devices[0])
                lose(devices[0])
            } else {
                for device in devices { device.mayBeLost() }
            }
        }
    }

    /// A fault costs the device that it is of, and no other.
    private func checkLoss(of device: DeviceRecord) {
        guard case .endJob(_, let outcome, _, _) = step.input, let faulted = step.endedOn, device !== faulted else {
            return
        }
        let isShared = if case .aborted = outcome { true } else { false }
        if device.process.guest !== faulted.process.guest || !isShared {
            find(.isolation, "device \(device.handle) is lost where \(faulted.handle) has a fault")
        }
    }
}
