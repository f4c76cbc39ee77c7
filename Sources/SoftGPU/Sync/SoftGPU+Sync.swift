import DXGProtocol

/// Signals and waits.
///
/// The order of visibility at a signal is fixed (docs/protocol/semantics.md 8.2): memory effects, the fence page,
/// waiters, guest events. Here it is the order of the effects.
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
            if object.count < object.maximumCount { object.count += 1 }
        case .cpuNotification:
            guard let open = object.opens.first else { return }
            notify(open.process, event: object.event, isLast: false)
        }
        wake(object)
    }

    /// Stores the fence's value in the page of every open.
    func publish(_ object: SyncObject) {
        for open in object.opens.elements {
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
        guard let (device, opens) = wait.subject else { return }
        for (index, open) in opens.enumerated() { wait.latched[index] = open.object.value >= wait.targets[index] }
        if wait.isSatisfied {
            _ = wait.finish()
            return notify(device.process, event: wait.event, isLast: true)
        }
        device.process.cpuWaiters += opens.count
        device.waits[wait.order] = wait
        for (index, open) in opens.enumerated() {
            open.waits[wait.order] = wait
            guard !wait.latched[index] else { continue }
            open.object.waiters.append(SyncWaiter(waiter: .cpu(wait), index: index), target: wait.targets[index])
        }
    }

    /// Registers a queue's wait; true where it is satisfied already.
    func register(_ wait: QueueWait) -> Bool {
        guard let objects = wait.subject?.objects else { return true }
        for (index, object) in objects.enumerated() { wait.latched[index] = acquire(object, wait.targets[index]) }
        if wait.isSatisfied {
            _ = wait.finish()
            return true
        }
        for (index, object) in objects.enumerated() where !wait.latched[index] {
            let target = object.isFence ? wait.targets[index] : 0
            object.waiters.append(SyncWaiter(waiter: .queue(wait), index: index), target: target)
        }
        return false
    }

    /// Takes what a wait takes from an object, if it can be had.
    private func acquire(_ object: SyncObject, _ target: UInt64) -> Bool {
        // Nobody can signal an object without opens: it holds no queue for ever (docs/protocol/semantics.md 8.8).
        guard object.isAlive else { return true }
        switch object.kind {
        case .monitoredFence, .fence, .periodicMonitoredFence:
            return object.value >= target
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

    /// Lets everyone go who waits for an object and need not any more, in the order of their arrival.
    func wake(_ object: SyncObject) {
        if !object.isAlive {
            for entry in object.waiters.takeSatisfied(by: .max) { latch(entry) }
        } else if object.isFence {
            for entry in object.waiters.takeSatisfied(by: object.value) { latch(entry) }
        } else {
            while object.waiters.hasWaiter(), acquire(object, 0), let entry = object.waiters.takeFirst() {
                latch(entry)
            }
        }
    }

    /// A waiter has seen its object satisfied.
    private func latch(_ entry: SyncWaiter) {
        switch entry.waiter {
        case .cpu(let wait):
            wait.latched[entry.index] = true
            if wait.isSatisfied { fire(wait) }
        case .queue(let wait):
            wait.latched[entry.index] = true
            guard wait.isSatisfied, let queue = wait.finish()?.queue else { return }
            waitEnded(wait, of: queue)
        }
    }

    /// Ends a CPU wait with its event, whether its fences are there or not.
    func fire(_ wait: CPUWait) {
        guard let (device, opens) = wait.finish() else { return }
        device.process.cpuWaiters -= opens.count
        device.waits[wait.order] = nil
        for (index, open) in opens.enumerated() {
            open.waits[wait.order] = nil
            if !wait.latched[index] { open.object.waiters.noteEnd() }
        }
        notify(device.process, event: wait.event, isLast: true)
    }

    /// Ends a queue's wait that nobody needs any more. What it has taken goes back: nobody else would release it.
    func cancel(_ wait: QueueWait) {
        guard let objects = wait.finish()?.objects else { return }
        for (index, object) in objects.enumerated() {
            if !wait.latched[index] {
                object.waiters.noteEnd()
            } else if !object.isFence {
                signal(object, 0, allowsRewind: false)
            }
        }
    }

    /// Ends CPU waits in the order of their making.
    func fire(_ waits: [UInt64: CPUWait]) {
        for (_, wait) in waits.sorted(by: { $0.key < $1.key }) { fire(wait) }
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
        try checkMappingCount(of: space, adding: 1)
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
        object.opens.remove(open)
        open.process.leave(open.handle)
        open.device?.fences[open.handle] = nil
        open.process.gpuFences[open.adapter.index][open.handle] = nil

        let space = open.process.spaces[open.adapter.index]
        if open.gpuAddress != 0, let space { space.unmapFence(at: open.gpuAddress) }
        fire(open.waits)
        abandonIfDead(object)
        if let page = open.page {
            release(
                MemorySpan(file: .ioSpace, offset: page, length: pageSize), of: open.process.machine,
                after: space.map { [$0] } ?? [])
        }
    }

    /// Lets the waiters of an object go that nobody can signal any more.
    func abandonIfDead(_ object: SyncObject) {
        guard !object.isAlive else { return }
        if object.globalHandle != .none {
            object.machine.names.remove(object.globalHandle)
            object.globalHandle = .none
            object.machine.shareableObjects -= 1
        }
        wake(object)
    }
}
