import DXGProtocol

/// Devices (docs/protocol/semantics.md 4 and 5).
extension SoftGPU {
    func createDevice(_ request: MessageView<CreateDevice.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let process = try call.requireProcess()
        guard call.target.handle != nil else { throw .invalid("the adapter is not open") }
        guard !call.target.isStopped else { throw Refusal(.deviceRemoved, "the adapter is stopped") }
        let device = Device(
            process: process, adapter: call.target, disablesTimeout: request.flagsDisableGpuTimeout,
            errorCookie: request.errorCode)
        device.handle = try process.enter(.device(device))
        var reply = MessageBuilder<CreateDevice.Reply>()
        reply.device = device.handle
        return reply.bytes
    }

    func destroyDevice(_ request: MessageView<DestroyDevice.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.device(request.device)
        let spaces = device.spacesOfGuestPages
        destroy(device)
        return answer(call, whenUnseenBy: spaces)
    }

    /// The cascade: the guest sends no message for contexts, queues and fences of a device that goes.
    func destroy(_ device: Device) {
        terminate(device)
        device.isDestroyed = true
        for queue in device.pagingQueues.inOrder { destroy(queue) }
        for context in device.contexts.inOrder {
            for hwQueue in context.hwQueues.inOrder { forget(hwQueue) }
            device.process.leave(context.handle)
        }
        device.contexts.removeAll()
        for resource in device.resources.inOrder { forget(resource) }
        for allocation in device.allocations.inOrder { destroy(allocation) }
        for fence in device.fences.inOrder { close(fence) }
        fire(device.waits)
        device.process.leave(device.handle)
    }

    /// Stops what a device runs and drops what it has queued; it takes no new work.
    func terminate(_ device: Device) {
        device.isTerminating = true
        for (process, event) in discardWork(of: device) { notify(process, event: event, isLast: true) }
    }

    /// DEVICE_TERMINATE: after the reply no work of the device may touch memory that the guest is about to take back,
    /// so the reply waits for running jobs to leave their worker, which an abort makes short.
    func flushDevice(_ request: MessageView<FlushDevice.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let done = StatusReply.bytes(.success)
        // The guest flushes device 0 for each of its failed creates (docs/protocol/findings.md D7).
        guard request.device != .none else { return done }
        let device = try call.device(request.device)
        guard request.reason == FlushReason.deviceTerminate else { return flush([device], call) }
        terminate(device)
        guard !device.runningJobs.isEmpty, let completion = call.completion else { return done }
        let reply = DeferredReply(completion: completion, bytes: done)
        for job in device.runningJobs.values {
            reply.outstanding += 1
            job.completions.append(reply)
        }
        return nil
    }

    private enum FlushReason {
        static let deviceTerminate: UInt32 = 4
    }

    /// FLUSHADAPTER: of which the header is known and nothing else. A flush of what the process has on this adapter, or
    /// of what the guest has, where the header names no process.
    func flushAdapter(_ call: Call) {
        let devices = devices(on: call.target, of: call.machine).filter { device in
            call.process.map { $0 === device.process } ?? true
        }
        if let reply = flush(devices, call) { complete(call.completion, reply) }
    }

    /// Answers when nothing of these devices runs or could run, and after ``flushNanoseconds`` in any case; what waits
    /// for a fence is not waited for.
    private func flush(_ devices: [Device], _ call: Call) -> [UInt8]? {
        let done = StatusReply.bytes(.success)
        guard let completion = call.completion, devices.contains(where: \.hasRunnableWork) else { return done }
        let reply = DeferredReply(completion: completion, bytes: done)
        reply.outstanding = 1
        flushes.append(
            PendingFlush(devices: devices, reply: reply, deadline: now.advanced(by: Self.flushNanoseconds)))
        return nil
    }

    /// How long the reply to a flush may take.
    static let flushNanoseconds: UInt64 = 1_000_000_000

    /// Answers the flushes whose devices have come to rest or whose time has come.
    func settleFlushes() {
        let ended = flushes.filter { $0.deadline <= now || !$0.devices.contains(where: \.hasRunnableWork) }
        guard !ended.isEmpty else { return }
        flushes.removeAll { flush in ended.contains { $0.reply === flush.reply } }
        for flush in ended { settle(flush.reply) }
    }

    func getDeviceState(_ request: MessageView<GetDeviceState.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.device(request.device)
        var reply = MessageBuilder<GetDeviceState.Reply>()
        reply.device = request.device
        reply.stateType = request.stateType
        switch DeviceStateType(rawValue: request.stateType) {
        case .execution:
            reply.executionState = device.state.rawValue
        case .pageFault:
            let fault = device.pageFault
            reply.pageFaultStateFaultedPrimitiveApiSequenceNumber = .max
            reply.pageFaultStateFaultedBindTableEntry = .max
            reply.pageFaultStateFaultedVirtualAddress = fault?.address ?? 0
            if let fault { reply.pageFaultStatePageFaultFlags = fault.isWrite ? 1 : 0 }
        case .present, .reset, .presentDwm, .presentQueue:
            break
        case nil:
            throw .invalid("device state type \(request.stateType)")
        }
        return reply.bytes
    }

    func markDeviceAsError(_ request: MessageView<MarkDeviceAsError.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        guard request.reason == 0x8000_0000 || request.reason == 0x8000_0006 else {
            throw .invalid("device error reason \(request.reason)")
        }
        lose(device, .reset)
    }
}
