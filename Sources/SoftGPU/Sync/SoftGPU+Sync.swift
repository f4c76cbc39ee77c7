import DXGProtocol
import DequeModule

/// Signals, waits and the lives of synchronization objects.
///
/// The order of visibility at a signal is fixed (docs/protocol/semantics.md 8.2): memory effects, the fence page, waiters,
/// guest events. Here it is the order of the effects.
extension SoftGPU {
    /// The value of a fence whose signaller is lost; it satisfies every wait.
    static let lossMarker = UInt64.max

    // MARK: Signals

    /// Signals an object as its kind is signalled.
    func signal(_ object: SyncObject, _ value: UInt64, allowsRewind: Bool) {
        switch object.kind {
        case .monitoredFence, .fence, .periodicMonitoredFence:
            // A lower value without AllowFenceRewind leaves the fence as it is (docs/protocol/semantics.md 8.2).
            guard allowsRewind || value > object.value else { return }
            object.value = value
            publish(object)
        case .mutex:
            object.isHeld = false
        case .semaphore:
            object.count = min(object.count + 1, object.maximumCount)
        case .cpuNotification:
            guard let open = object.opens.first else { return }
            notify(open.process, event: object.event, isLast: false)
        }
        wake(object)
    }

    /// Stores the fence's value in the page of every open.
    func publish(_ object: SyncObject) {
        for open in object.opens {
            guard let page = open.page else { continue }
            open.published = object.value
            effects.append(.storeFence(object.machine.id, offset: page, value: object.value))
        }
    }

    /// Sends SIGNALGUESTEVENT (docs/protocol/semantics.md 1.7). `isLast` tells the guest that the host holds no more
    /// reference to the event.
    func notify(_ process: GuestProcess, event: UInt64, isLast: Bool) {
        var message = MessageBuilder<SignalGuestEvent.Message>()
        message.setHeader()
        message.event = event
        message.processId = process.pid
        message.dereferenceEvent = isLast
        effects.append(.notify(process.machine.id, message.bytes))
    }

    // MARK: Waits

    /// Registers a CPU wait, or fires it at once.
    func register(_ wait: CPUWait) {
        for (index, open) in wait.opens.enumerated() {
            wait.latched[index] = isSatisfied(open.object, wait.targets[index])
        }
        if wait.isSatisfied {
            notify(wait.process, event: wait.event, isLast: true)
            wait.isDone = true
            return
        }
        wait.process.cpuWaiters += 1
        for (index, open) in wait.opens.enumerated() where !wait.latched[index] {
            open.object.waiters.append(SyncWaiter(waiter: .cpu(wait), index: index))
        }
    }

    /// Registers a queue's wait; true where it is satisfied already.
    func register(_ wait: QueueWait) -> Bool {
        for (index, object) in wait.objects.enumerated() {
            wait.latched[index] = acquire(object, wait.targets[index])
        }
        if wait.isSatisfied {
            wait.isDone = true
            return true
        }
        for (index, object) in wait.objects.enumerated() where !wait.latched[index] {
            object.waiters.append(SyncWaiter(waiter: .queue(wait), index: index))
        }
        return false
    }

    private func isSatisfied(_ object: SyncObject, _ target: UInt64) -> Bool { object.value >= target }

    /// Takes what a wait takes from an object, if it can be had.
    private func acquire(_ object: SyncObject, _ target: UInt64) -> Bool {
        // Nobody can signal an object without opens: it holds no queue for ever (docs/protocol/semantics.md 8.8).
        guard object.isAlive else { return true }
        switch object.kind {
        case .monitoredFence, .fence, .periodicMonitoredFence:
            return isSatisfied(object, target)
        case .mutex:
            guard !object.isHeld else { return false }
            object.isHeld = true
            return true
        case .semaphore:
            guard object.count > 0 else { return false }
            object.count -= 1
            return true
        case .cpuNotification:
            return true
        }
    }

    /// Looks at everyone who waits for an object, in the order of their arrival.
    func wake(_ object: SyncObject) {
        guard !object.waiters.isEmpty else { return }
        let waiters = object.waiters
        object.waiters.removeAll(keepingCapacity: true)
        for entry in waiters {
            switch entry.waiter {
            case .cpu(let wait):
                guard !wait.isDone else { continue }
                guard isSatisfied(object, wait.targets[entry.index]) || !object.isAlive else {
                    object.waiters.append(entry)
                    continue
                }
                wait.latched[entry.index] = true
                if wait.isSatisfied { fire(wait) }
            case .queue(let wait):
                guard !wait.isDone, !wait.queue.device.isDestroyed else { continue }
                guard acquire(object, wait.targets[entry.index]) else {
                    object.waiters.append(entry)
                    continue
                }
                wait.latched[entry.index] = true
                guard wait.isSatisfied else { continue }
                wait.isDone = true
                waitEnded(wait)
            }
        }
    }

    private func fire(_ wait: CPUWait) {
        guard !wait.isDone else { return }
        wait.isDone = true
        wait.process.cpuWaiters -= 1
        notify(wait.process, event: wait.event, isLast: true)
    }

    // MARK: Lives

    /// Makes an open of a fence with its page in IO space and, unless it must not have one, its GPU address.
    func publishOpen(_ open: SyncObjectOpen, wantsGPUAddress: Bool) throws(Refusal) {
        let machine = open.process.machine
        guard let page = machine.allocateIOSpace(pageSize) else {
            throw Refusal(.noMemory, "no page left in the IO space for a fence")
        }
        open.page = page
        open.published = open.object.value
        effects.append(.storeFence(machine.id, offset: page, value: open.object.value))
        guard wantsGPUAddress, let device = open.device else { return }
        let space = space(of: open.process, on: device.adapter)
        let maySignal = !open.flags.contains(.noSignal)
        guard let address = space.mapFence(page: page, access: maySignal ? .readWrite : .read) else {
            throw Refusal(.noMemory, "no GPU virtual address left for a fence")
        }
        open.gpuAddress = address
    }

    /// Ends an open: the waits made through it are released, its page and GPU address go back.
    func close(_ open: SyncObjectOpen) {
        guard !open.isClosed else { return }
        open.isClosed = true
        let object = open.object
        object.opens.removeAll { $0 === open }
        open.process.objects.remove(open.handle)
        open.device?.fences[open.handle] = nil

        var spaces: [AddressSpace] = []
        if let device = open.device {
            open.process.gpuFences[device.adapter.index][open.handle] = nil
            if open.gpuAddress != 0, let space = open.process.spaces[device.adapter.index] {
                space.unmapFence(at: open.gpuAddress)
                spaces = [space]
            }
        }
        for entry in object.waiters {
            if case .cpu(let wait) = entry.waiter, wait.opens[entry.index] === open { fire(wait) }
        }
        abandonIfDead(object)
        if let page = open.page {
            release(
                MemorySpan(file: .ioSpace, offset: page, length: pageSize), of: open.process.machine, after: spaces)
        }
    }

    /// Lets the waiters of an object go that nobody can signal any more.
    func abandonIfDead(_ object: SyncObject) {
        guard !object.isAlive else { return }
        if object.globalHandle != .none {
            object.machine.names.remove(object.globalHandle)
            object.globalHandle = .none
        }
        wake(object)
    }

    // MARK: Loss

    /// The device-loss procedure, in its exact order (docs/protocol/semantics.md 5.2).
    func lose(_ device: Device, _ state: DeviceExecutionState, pageFault: PageFaultRecord? = nil) {
        guard device.state == .active, !device.isDestroyed else { return }
        device.state = state
        device.pageFault = pageFault
        discardWork(of: device)
        let fences = device.fences.inOrder.filter { open in
            !open.flags.contains(.noSignal) && !open.object.flags.contains(.noSignalMaxValueOnTdr)
        }
        for open in fences {
            open.object.value = Self.lossMarker
            publish(open.object)
        }
        tellState(of: device)
        for open in fences { wake(open.object) }
    }

    /// Makes the guest forget the execution state that it remembers.
    private func tellState(of device: Device) {
        var message = MessageBuilder<SetGuestData.Message>()
        message.setHeader()
        message.guestPointer = device.errorCookie
        message.data32 = 1
        effects.append(.notify(device.process.machine.id, message.bytes))
    }

    /// Stops the running jobs of a device and drops what is queued; none of the queued signals takes effect, but
    /// queued CPU events do, or their waiters would hang (docs/protocol/semantics.md 8.3).
    func discardWork(of device: Device) {
        for job in device.runningJobs.sorted(by: { $0.key < $1.key }) { discard(job.value) }
        for context in device.contexts.inOrder {
            discard(context.queue)
            discard(context.updates)
            for hwQueue in context.hwQueues.inOrder { discard(hwQueue.queue) }
        }
        for queue in device.drainingQueues { discard(queue) }
    }

    private func discard(_ queue: Queue) {
        let packets = queue.packets
        queue.packets.removeAll()
        queue.device.process.queuedPackets -= packets.count
        switch queue.state {
        case .waiting(let wait):
            wait.isDone = true
            queue.state = .idle
        case .ready:
            queue.node.ready.removeAll { $0 === queue }
            queue.state = .idle
        case .idle, .running: break
        }
        for case .signal(let signal) in packets where signal.event != 0 && signal.queuesLeft > 0 {
            signal.queuesLeft = 0
            notify(signal.process, event: signal.event, isLast: true)
        }
    }
}
