import DXGProtocol

@testable import SoftGPU

/// Fences, what signals them, and who waits for them.
extension TraceChecker {
    // MARK: Lives

    func createSyncObject(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreateSyncObject.Reply.self), reply.syncObject != .none else { return }
        exchange.read(CreateSyncObject.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            let kind = SyncObject.Kind(rawValue: request.type)
            let fence = FenceRecord(
                isMonitored: kind == .monitoredFence, flags: SyncObjectFlags(rawValue: request.flagsValue),
                value: kind == .monitoredFence ? request.monitoredFenceInitialFenceValue : 0,
                event: kind == .cpuNotification ? request.cpuNotificationEvent : 0)
            open(fence, as: reply.syncObject, page: reply.fenceStorageAddress, on: device)
            if reply.globalSyncObject != .none {
                give(reply.globalSyncObject, to: exchange.guest, .globalFence(fence))
                fence.global = reply.globalSyncObject
            }
            if fence.event != 0 { exchange.guest.notifications[fence.event, default: []].append(fence) }
        }
    }

    /// The fence of a queue.
    func makeFence(_ handle: D3DKMTHandle, page: UInt64, on device: DeviceRecord) -> FenceOpen {
        open(
            FenceRecord(isMonitored: true, flags: [], value: 0), as: handle, page: page, on: device, isQueues: true)
    }

    @discardableResult
    private func open(
        _ fence: FenceRecord, as handle: D3DKMTHandle, page: UInt64, on device: DeviceRecord, isQueues: Bool = false
    ) -> FenceOpen {
        let guest = device.process.guest
        let offset = fence.isMonitored ? page &- guest.windowBase : nil
        let open = FenceOpen(handle: handle, fence: fence, device: device, page: offset, isQueues: isQueues)
        fence.add(open)
        give(handle, to: device.process, .fence(open))
        if let offset {
            if guest.pages[offset] != nil || guest.leavingPages.contains(offset) {
                find(.release, "the page at \(offset) is given to a fence before it came back from another")
            }
            guest.pages[offset] = open
        }
        return open
    }

    func openSyncObject(_ exchange: Exchange) {
        guard let reply = exchange.answer(OpenSyncObject.Reply.self), reply.status.isSuccess else { return }
        exchange.read(OpenSyncObject.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            guard case .globalFence(let fence)? = exchange.guest.names[request.globalSyncObject] else {
                return find(.handles, "\(exchange.guest.id) opened \(request.globalSyncObject), which it was not given")
            }
            open(fence, as: reply.syncObject, page: reply.guestCpuPhysicalAddress, on: device)
        }
    }

    func destroySyncObject(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(DestroySyncObject.Request.self) { request in
            guard let open = fence(request.syncObject, exchange) else { return }
            if open.isQueues { find(.handles, "the fence of a queue, \(open.handle), was destroyed") }
            open.process.objects[open.handle] = nil
            close(open)
        }
    }

    /// A handle to a fence goes: what waits through it need not wait any longer.
    func close(_ open: FenceOpen) {
        open.fence.beginClosing(open)
        for wait in open.process.waits.values where wait.opens.contains(where: { $0 === open }) { release(wait) }
        step.endings.append {
            let fence = open.fence
            let guest = open.process.guest
            fence.remove(open)
            if let page = open.page, guest.pages[page] === open {
                guest.pages[page] = nil
                guest.leavingPages.insert(page)
            }
            guard fence.opens.isEmpty else { return }
            fence.wasHidden = true
            if !fence.isNamed, let global = fence.global { guest.names[global] = nil }
            if fence.event != 0 { guest.notifications[fence.event]?.removeAll { $0 === fence } }
        }
    }

    func createNtSharedObject(_ exchange: Exchange) {
        guard let reply = exchange.answer(CreateNtSharedObject.Reply.self), reply.handle != .none else { return }
        exchange.read(CreateNtSharedObject.Request.self) { request in
            let object = named(request.object, "object to share", exchange) { $0 }
            switch object {
            case .fence(let open):
                open.fence.ntNames += 1
                give(reply.handle, to: exchange.guest, .ntFence(open.fence))
            case .resource(let resource):
                resource.content.seal()
                resource.content.ntNames += 1
                give(reply.handle, to: exchange.guest, .resource(resource.content))
            case nil: break
            default: find(.handles, "\(request.object) was shared, which is neither a fence nor a resource")
            }
        }
    }

    func destroyNtSharedObject(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(DestroyNtSharedObject.Request.self) { request in
            switch exchange.guest.names.removeValue(forKey: request.sharedHandle) {
            case .ntFence(let fence):
                fence.ntNames -= 1
                if !fence.isNamed, fence.opens.isEmpty, let global = fence.global { exchange.guest.names[global] = nil }
            case .resource(let content): content.ntNames -= 1
            case .globalFence, nil:
                find(
                    .handles, "\(exchange.guest.id) destroyed the name \(request.sharedHandle), which it was not given")
            }
        }
    }

    // MARK: Waits

    func waitFromCPU(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(WaitForSyncObjectFromCpu.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            let opens = request.objects.array().compactMap { fence($0, exchange) }
            guard opens.count == request.objects.count else { return }
            let wait = WaitRecord(
                event: request.guestEventPointer, device: device, opens: opens, targets: request.fenceValues.array(),
                isAny: request.flagsWaitAny)
            exchange.guest.waits[wait.event, default: []].append(wait)
            device.process.waits[ObjectIdentifier(wait)] = wait
            step.waits.append(wait)
        }
    }

    /// A wait ends without its values.
    func release(_ wait: WaitRecord) {
        wait.isReleased = true
        step.waits.append(wait)
    }

    func waitFromGPU(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(WaitForSyncObjectFromGpu.Request.self) { request in
            guard let queue = queue(request.context, exchange) else { return }
            let fences = request.objects.array().compactMap { fence($0, exchange)?.fence }
            let values = request.fenceValues.array()
            guard fences.count == request.objects.count else { return }
            let targets = fences.indices.map { values[request.legacyFenceObject ? 0 : $0] }
            enqueue(QueueWaitRecord(fences, targets), on: queue)
        }
    }

    func enqueue(_ wait: QueueWaitRecord, on queue: QueueRecord) {
        wait.queue = queue
        for fence in wait.fences { fence.queueWaits.append(wait) }
        queue.append(.wait(wait))
        step.queues.append(queue)
    }

    // MARK: Signals

    func signal(_ exchange: Exchange) {
        exchange.read(SignalSyncObject.Request.self) { request in
            guard exchange.isCarriedOut else {
                // Nobody else tells the waiter of an event that a message without a reply was refused.
                if exchange.isPosted, request.flagsEnqueueCpuEvent { step.refusedEvent = request.cpuEventHandle }
                return
            }
            guard let process = exchange.process else {
                return find(.handles, "a signal for \(exchange.processHandle), which is no process")
            }
            let queues = request.contexts.array().compactMap { queue($0, exchange) }
            guard queues.count == request.contexts.count else { return }
            if request.flagsEnqueueCpuEvent {
                let signal = SignalRecord(
                    [], event: request.cpuEventHandle, process: process,
                    isAtSubmission: request.flagsSignalAtSubmission)
                process.guest.cpuEvents[signal.event, default: []].append(signal)
                return enqueue(signal, on: queues)
            }
            let opens = request.objects.array().compactMap { fence($0, exchange) }
            guard opens.count == request.objects.count else { return }
            let values = request.hasFenceValues ? request.fenceValues.array() : []
            var objects: [[(fence: FenceRecord, value: UInt64)]] = [[], []]
            for (index, open) in opens.enumerated() {
                let value = request.hasFenceValues ? values[index] : request.fenceValue
                if open.isQueues { find(.handles, "the fence of a queue, \(open.handle), was signalled") }
                if queues.isEmpty {
                    step.signals.append((open.fence, value, request.flagsAllowFenceRewind))
                } else {
                    let isEarly = request.flagsSignalAtSubmission || open.fence.flags.contains(.topOfPipeline)
                    objects[isEarly ? 0 : 1].append((open.fence, value))
                }
            }
            for (index, list) in objects.enumerated() where !list.isEmpty {
                let signal = SignalRecord(
                    list, process: process, allowsRewind: request.flagsAllowFenceRewind, isAtSubmission: index == 0)
                for object in list { object.fence.signals.append(signal) }
                enqueue(signal, on: queues)
            }
        }
    }

    func enqueue(_ signal: SignalRecord, on queues: [QueueRecord]) {
        for queue in queues {
            signal.places.append((queue, queue.end))
            queue.append(.signal(signal))
        }
        step.queues += queues
    }

    /// A fence's page gets a value.
    func stored(_ guest: GuestRecord, _ offset: UInt64, _ value: UInt64) {
        guard let open = guest.pages[offset] else {
            // A refused creation leaves a page that nobody was told of.
            if let exchange = step.exchange, exchange.guest === guest, exchange.makesFence { return }
            return find(.cause, "\(value) is stored at \(offset), which is no fence's page")
        }
        let fence = open.fence
        let isBack = value < fence.value
        guard value != fence.value else { return }
        if isBack, !mayGoBack(fence, to: value) {
            find(.fenceOrder, "the fence at \(offset) goes back from \(fence.value) to \(value)")
        } else if !isBack, !hasCause(fence, value) {
            find(.cause, "the fence at \(offset) gets \(value), which nobody signals")
        }
        step.waits += fence.take(value)
        step.queues += fence.queueWaits.compactMap(\.queue)
        if !fence.arriving.isEmpty { step.arrivedFences.append(fence) }
    }

    private func mayGoBack(_ fence: FenceRecord, to value: UInt64) -> Bool {
        step.writes.contains { $0.fence === fence && $0.value == value }
            || step.signals.contains { $0.fence === fence && $0.value == value && $0.allowsRewind }
            || fence.signals.contains { $0.allowsRewind && $0.names(fence, value) && mayTakeEffect($0) }
    }

    private func hasCause(_ fence: FenceRecord, _ value: UInt64) -> Bool {
        if value == .max, step.hasLoss { return true }
        return step.writes.contains { $0.fence === fence && $0.value == value }
            || step.signals.contains { $0.fence === fence && $0.value == value }
            || fence.promised.remove(value) != nil
            || fence.signals.contains { $0.names(fence, value) && mayTakeEffect($0) }
    }

    func mayTakeEffect(_ signal: SignalRecord) -> Bool { signal.mayTakeEffect && !signal.isDropped }

    // MARK: Notifications

    func notified(_ guest: GuestRecord, _ bytes: [UInt8]) {
        guard let view = try? MessageView<SignalGuestEvent.Message>(bytes.wireBytes) else {
            return find(.cause, "a notification of \(bytes.count) bytes")
        }
        switch HostMessage(rawValue: view.header.commandType) {
        case .signalGuestEvent:
            let process = signalled(guest, view.event, isLast: view.dereferenceEvent)
            if let process, process.pid != view.processId {
                find(.isolation, "event \(view.event) of \(process.pid) comes for \(view.processId)")
            }
        case .setGuestData: break
        default: find(.cause, "a notification of type \(view.header.commandType)")
        }
    }

    /// Gives the process whose event it is.
    private func signalled(_ guest: GuestRecord, _ event: UInt64, isLast: Bool) -> ProcessRecord? {
        if step.refusedEvent == event {
            step.refusedEvent = nil
            return nil
        }
        let waits = guest.waits[event] ?? []
        let signals = guest.cpuEvents[event] ?? []
        let fences = guest.notifications[event] ?? []
        if let wait = waits.first(where: \.isOver) {
            wait.hasFired = true
            forget(wait, of: guest)
            return took(wait.device.process, isLast: isLast)
        }
        if let signal = signals.first(where: { $0.isDropped || $0.mayTakeEffect }) {
            signal.isTaken = true
            guest.cpuEvents[event] = signals.filter { $0 !== signal }
            return took(signal.process, isLast: isLast)
        }
        for fence in fences {
            let hasSignal =
                step.signals.contains { $0.fence === fence } || fence.signals.contains { mayTakeEffect($0) }
            if hasSignal { return fence.opens.values.first?.process }
        }
        if let wait = waits.first {
            let values = zip(wait.opens, wait.targets).map { "\($0.fence.value) of \($1)" }
            find(.earlyWait, "event \(event) comes before its fences, \(values.joined(separator: ", "))")
            forget(wait, of: guest)
        } else if !signals.isEmpty {
            find(.earlyWait, "event \(event) comes before the work in front of it is done")
        } else {
            find(.cause, "event \(event) comes, which nobody waits for")
        }
        return nil
    }

    private func took(_ process: ProcessRecord, isLast: Bool) -> ProcessRecord {
        if !isLast { find(.oneAnswer, "an event of process \(process.handle) comes and keeps its reference") }
        return process
    }

    private func forget(_ wait: WaitRecord, of guest: GuestRecord) {
        let left = guest.waits[wait.event]?.filter { $0 !== wait } ?? []
        guest.waits[wait.event] = left.isEmpty ? nil : left
        wait.device.process.waits[ObjectIdentifier(wait)] = nil
    }

    /// Waits that are over have ended with the step in which they came to be so.
    func checkWaits() {
        for wait in step.waits where wait.isOver && !wait.hasFired {
            find(.lateWait, "event \(wait.event) does not come although it need not wait any longer")
            forget(wait, of: wait.device.process.guest)
        }
    }
}
