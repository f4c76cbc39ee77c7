import DXGProtocol

/// Synchronization objects: creation, waits and signals (docs/protocol/semantics.md 8).
extension SoftGPU {
    func createSyncObject(_ request: MessageView<CreateSyncObject.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.activeDevice(request.device)
        guard let kind = SyncObject.Kind(rawValue: request.type) else {
            throw .invalid("synchronization object type \(request.type)")
        }
        guard kind != .periodicMonitoredFence else { throw .notSupported("periodic monitored fences need a display") }
        let flags = SyncObjectFlags(rawValue: request.flagsValue)
        try check(flags, for: kind)
        if flags.contains(.shared) { try call.machine.checkShareable() }
        let object: SyncObject
        switch kind {
        case .monitoredFence, .fence, .periodicMonitoredFence:
            object = SyncObject(
                machine: call.machine, adapter: device.adapter, kind: kind, flags: flags, value: request.fenceFenceValue
            )
        case .mutex:
            object = SyncObject(machine: call.machine, adapter: device.adapter, kind: kind, flags: flags)
            object.isHeld = request.synchronizationMutexInitialState != 0
        case .semaphore:
            guard request.semaphoreInitialCount <= request.semaphoreMaxCount else {
                throw .invalid("a semaphore of \(request.semaphoreInitialCount) in \(request.semaphoreMaxCount)")
            }
            object = SyncObject(
                machine: call.machine, adapter: device.adapter, kind: kind, flags: flags,
                maximumCount: request.semaphoreMaxCount)
            object.count = request.semaphoreInitialCount
        case .cpuNotification:
            guard request.cpuNotificationEvent != 0 else { throw .invalid("a CPU notification without an event") }
            object = SyncObject(
                machine: call.machine, adapter: device.adapter, kind: kind, flags: flags,
                event: request.cpuNotificationEvent)
        }
        let open = SyncObjectOpen(order: freshID(), object: object, device: device, flags: flags)
        object.opens.append(open)
        do throws(Refusal) {
            try enter(open)
            if flags.contains(.shared) {
                guard let name = call.machine.names.insert(.globalSyncObject(object)) else {
                    throw Refusal(.noMemory, "the guest has too many shared objects")
                }
                object.globalHandle = name
                call.machine.shareableObjects += 1
            }
        } catch {
            close(open)
            throw error
        }
        var reply = MessageBuilder<CreateSyncObject.Reply>()
        reply.syncObject = open.handle
        reply.globalSyncObject = object.globalHandle
        reply.fenceGpuVa = open.gpuAddress
        reply.fenceStorageAddress = guestAddress(of: open)
        return reply.bytes
    }

    private func check(_ flags: SyncObjectFlags, for kind: SyncObject.Kind) throws(Refusal) {
        guard flags.contains(.shared) == flags.contains(.ntSecuritySharing) else {
            throw .invalid("Shared and NtSecuritySharing go together")
        }
        let fenceOnly: SyncObjectFlags = [.noSignal, .noWait, .topOfPipeline]
        guard kind == .monitoredFence || flags.isDisjoint(with: fenceOnly) else {
            throw .invalid("NoSignal, NoWait and TopOfPipeline are for monitored fences")
        }
        guard !flags.isSuperset(of: [.noSignal, .noWait]) else { throw .invalid("NoSignal with NoWait") }
        guard !flags.contains(.crossAdapter) || kind == .fence || kind == .monitoredFence else {
            throw .invalid("CrossAdapter is for fences")
        }
        guard !flags.contains(.signalByKmd) || kind == .cpuNotification else {
            throw .invalid("SignalByKmd is for CPU notifications")
        }
    }

    /// Gives an open its handle, and a monitored fence its page and GPU address.
    func enter(_ open: SyncObjectOpen) throws(Refusal) {
        if open.object.isMonitored {
            let wantsGPUAddress = open.role != .pagingFence && !open.flags.contains(.noGPUAccess)
            try publishOpen(open, wantsGPUAddress: wantsGPUAddress)
        }
        open.handle = try open.process.enter(.syncObject(open))
        guard open.object.isMonitored, let device = open.device else { return }
        device.fences[open.handle] = open
        if open.gpuAddress != 0, !open.flags.contains(.noSignal) {
            open.process.gpuFences[device.adapter.index][open.handle] = open
        }
    }

    /// The fence of a paging queue or a hardware queue.
    func makeFence(on device: Device, role: SyncObjectOpen.Role) throws(Refusal) -> SyncObjectOpen {
        let object = SyncObject(machine: device.process.machine, adapter: device.adapter, kind: .monitoredFence)
        let open = SyncObjectOpen(order: freshID(), object: object, device: device, flags: [], role: role)
        object.opens.append(open)
        do throws(Refusal) {
            try enter(open)
        } catch {
            close(open)
            throw error
        }
        return open
    }

    /// The guest physical address of a fence's page, or 0 for objects without one.
    func guestAddress(of open: SyncObjectOpen) -> UInt64 {
        guard let page = open.page, let window = open.process.machine.ioWindow else { return 0 }
        return window.base + page
    }

    func destroySyncObject(_ request: MessageView<DestroySyncObject.Request>, _ call: Call) throws(Refusal) {
        let open = try call.syncObject(request.syncObject)
        guard open.role == .user else { throw .invalid("\(request.syncObject) is the fence of a queue") }
        close(open)
    }

    // MARK: Waits

    func waitForSyncObjectFromCpu(
        _ request: MessageView<WaitForSyncObjectFromCpu.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let device = try call.device(request.device)
        let handles = request.objects
        guard handles.count > 0 else { throw .invalid("a wait for nothing") }
        var opens: [SyncObjectOpen] = []
        for index in handles.indices {
            let open = try call.syncObject(handles[index])
            guard open.object.isMonitored else { throw .invalid("\(handles[index]) is not a monitored fence") }
            guard !open.flags.contains(.noWait) else { throw Refusal(.accessDenied, "\(handles[index]) has NoWait") }
            opens.append(open)
        }
        let limit = call.machine.options.limits.waitersPerProcess
        guard opens.count <= limit, device.process.cpuWaiters <= limit - opens.count else {
            throw Refusal(.noMemory, "\(opens.count) more than \(device.process.cpuWaiters) waits, of at most \(limit)")
        }
        guard request.guestEventPointer != 0 else { throw .invalid("a wait without an event") }
        // The wait may fire at once; the guest has entered its event before it asked, so the order does not matter
        // to it, but an answer first is what it sees from a host that takes time.
        complete(call.completion, StatusReply.bytes(.success))
        register(
            CPUWait(
                order: freshID(), device: device, event: request.guestEventPointer, opens: opens,
                targets: request.fenceValues.array(), isAny: request.flagsWaitAny))
        return nil
    }

    func waitForSyncObjectFromGpu(
        _ request: MessageView<WaitForSyncObjectFromGpu.Request>, _ call: Call
    ) throws(Refusal) {
        let queue = try call.queue(request.context)
        guard queue.device.isActive else { throw .lost(queue.device) }
        let handles = request.objects
        let values = request.fenceValues
        guard handles.count > 0, handles.count <= Self.maximumWaitLength else {
            throw .invalid("\(handles.count) objects")
        }
        var objects: [SyncObject] = []
        var targets: [UInt64] = []
        for index in handles.indices {
            let open = try call.syncObject(handles[index])
            guard open.object.kind != .cpuNotification else { throw .invalid("\(handles[index]) cannot be waited for") }
            guard !open.flags.contains(.noWait) else { throw Refusal(.accessDenied, "\(handles[index]) has NoWait") }
            objects.append(open.object)
            // Of a legacy wait only the first value is defined (docs/protocol/findings.md D12).
            targets.append(values[request.legacyFenceObject ? 0 : index])
        }
        try checkQueued(objects.count, on: queue.device)
        append(.wait(WaitPacket(objects: objects, targets: targets)), to: queue)
    }

    /// Objects that one wait or signal may name (docs/protocol/semantics.md 1.5).
    private static let maximumWaitLength = 32

    // MARK: Signals

    func signalSyncObject(_ request: MessageView<SignalSyncObject.Request>, _ call: Call) throws(Refusal) {
        do throws(Refusal) {
            try signal(request, call)
        } catch {
            // Nobody hears of the refusal of a message without a reply: its event would be waited for for ever.
            if call.completion == nil, request.flagsEnqueueCpuEvent, request.cpuEventHandle != 0,
                let process = call.process
            {
                notify(process, event: request.cpuEventHandle, isLast: true)
            }
            throw error
        }
    }

    private func signal(_ request: MessageView<SignalSyncObject.Request>, _ call: Call) throws(Refusal) {
        let process = try call.requireProcess()
        let handles = request.objects
        var queues: [Queue] = []
        let contexts = request.contexts
        guard contexts.count <= 64 else { throw .invalid("\(contexts.count) contexts") }
        for index in contexts.indices { queues.append(try call.queue(contexts[index])) }
        if let first = queues.first {
            guard queues.allSatisfy({ $0.device === first.device }) else {
                throw .invalid("contexts of several devices")
            }
            guard first.device.isActive else { throw .lost(first.device) }
            try checkQueued(queues.count.multipliedSaturating(by: max(handles.count, 1)), on: first.device)
        }
        let isRewindAllowed = request.flagsAllowFenceRewind
        if request.flagsEnqueueCpuEvent {
            // The guest's driver can send objects along with an event; their fence value is then its event
            // (docs/protocol/findings.md D11).
            guard handles.count == 0, request.cpuEventHandle != 0, !queues.isEmpty else {
                throw .invalid("EnqueueCpuEvent with objects, or without an event or a context")
            }
            enqueue(
                SignalPacket(
                    objects: [], event: request.cpuEventHandle, process: process, allowsRewind: false,
                    isAtSubmission: request.flagsSignalAtSubmission, queues: queues.count), on: queues)
            return
        }
        guard handles.count > 0 else { throw .invalid("a signal of nothing") }
        var signals: [(object: SyncObject, value: UInt64)] = []
        let values = request.fenceValues
        for index in handles.indices {
            let open = try call.syncObject(handles[index])
            guard open.role == .user else { throw Refusal(.accessDenied, "\(handles[index]) is the fence of a queue") }
            guard !open.flags.contains(.noSignal) else {
                throw Refusal(.accessDenied, "\(handles[index]) has NoSignal")
            }
            guard !open.flags.contains(.signalByKmd) else { throw .invalid("\(handles[index]) has SignalByKmd") }
            guard !queues.isEmpty || open.object.isMonitored else {
                throw .invalid("\(handles[index]) is signalled by a queue only")
            }
            if queues.isEmpty, let device = open.device, !device.isActive { throw .lost(device) }
            signals.append((open.object, request.hasFenceValues ? values[index] : request.fenceValue))
        }
        guard !queues.isEmpty else {
            for (object, value) in signals { signal(object, value, allowsRewind: isRewindAllowed) }
            return
        }
        // A fence at the top of the pipeline is reached when the command buffer before it has been fetched, which is
        // not told from its being started; the other objects of the same signal wait for its end.
        func isEarly(_ object: SyncObject) -> Bool {
            request.flagsSignalAtSubmission || object.flags.contains(.topOfPipeline)
        }
        for isAtSubmission in [true, false] {
            let objects = signals.filter { isEarly($0.object) == isAtSubmission }
            guard !objects.isEmpty else { continue }
            enqueue(
                SignalPacket(
                    objects: objects, event: 0, process: process, allowsRewind: isRewindAllowed,
                    isAtSubmission: isAtSubmission, queues: queues.count), on: queues)
        }
    }

    private func enqueue(_ packet: SignalPacket, on queues: [Queue]) {
        for queue in queues { append(.signal(packet), to: queue) }
    }

    /// Whether the process of a device may queue so many packets more. Where nobody hears of a refusal, the device is
    /// lost for it: what comes behind a wait that was left out would run too early (docs/protocol/semantics.md 1.6).
    func checkQueued(_ count: Int, on device: Device) throws(Refusal) {
        let limit = device.process.machine.options.limits.queuedPacketsPerProcess
        guard device.process.queuedPackets + count <= limit else {
            throw Refusal(.noMemory, "the limit of \(limit) queued packets is reached", device: device.handle)
        }
    }
}
