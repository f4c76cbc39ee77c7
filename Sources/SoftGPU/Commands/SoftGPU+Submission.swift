import DXGProtocol

/// Contexts, hardware queues and submissions (docs/protocol/semantics.md 6).
extension SoftGPU {
    // MARK: Contexts

    func createContextVirtual(
        _ request: MessageView<CreateContextVirtual.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let device = try call.activeDevice(request.device)
        let physical = device.adapter.physical
        guard physical.nodes.indices.contains(Int(request.nodeOrdinal)) else {
            throw .invalid("node \(request.nodeOrdinal) of \(physical.nodes.count)")
        }
        guard request.engineAffinity <= 1 else { throw .invalid("engine affinity \(request.engineAffinity)") }
        let flags = ContextFlags(rawValue: request.flagsValue)
        guard !flags.contains(.hwQueueSupported) || physical.profile.hardwareScheduling else {
            throw .notSupported("hardware scheduling is off")
        }
        let node = physical.nodes[Int(request.nodeOrdinal)]
        let disablesTimeout = flags.contains(.disableGpuTimeout)
        let context = Context(
            device: device, nodeOrdinal: node.ordinal, flags: flags,
            queue: makeQueue(on: device, node, disablesTimeout: disablesTimeout),
            updates: makeQueue(on: device, node, disablesTimeout: disablesTimeout))
        context.handle = try device.process.enter(.context(context))
        device.contexts[context.handle] = context
        device.process.clientHint = request.clientHint
        // The reply is the request with the handle in it; private data goes back as it came.
        let length = Int(request.requiredReplyLength(under: call.machine.interfaceVersion))
        var reply = MessageBuilder<CreateContextVirtual.Request>(copying: request, byteCount: length)
        reply.context = context.handle
        return reply.bytes
    }

    private func makeQueue(on device: Device, _ node: Node, disablesTimeout: Bool) -> Queue {
        let space = space(of: device.process, on: device.adapter)
        return Queue(
            device: device, node: node, line: space.lines[node.ordinal], sequence: freshID(),
            disablesTimeout: disablesTimeout)
    }

    /// Answers at once; what is queued runs to its end on its own (docs/protocol/semantics.md 6, CMD 7).
    func destroyContext(_ request: MessageView<DestroyContext.Request>, _ call: Call) throws(Refusal) {
        let context = try call.context(request.context)
        let device = context.device
        for hwQueue in context.hwQueues.inOrder { forget(hwQueue) }
        drain(context.queue)
        drain(context.updates)
        device.contexts[context.handle] = nil
        device.process.leave(context.handle)
    }

    /// Lets a queue whose handle is gone run to its end.
    private func drain(_ queue: Queue) {
        if queue.hasWork { queue.device.drainingQueues[queue.sequence] = queue }
    }

    // MARK: Hardware queues

    func createHwQueue(_ request: MessageView<CreateHwQueue.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let context = try call.context(request.context)
        let device = context.device
        guard device.isActive else { throw .lost(device) }
        guard context.hasHwQueues, device.adapter.physical.profile.hardwareScheduling else {
            throw .notSupported("context \(request.context) takes no hardware queues")
        }
        guard request.flagsValue & Self.userModeSubmission == 0 else { throw .notSupported("user-mode submission") }
        let fence = try makeFence(on: device, role: .progressFence)
        let queue = makeQueue(
            on: device, context.queue.node,
            disablesTimeout: context.disablesTimeout || request.flagsDisableGpuTimeout)
        apply(priorityOf: context, to: queue)
        let hwQueue = HwQueue(context: context, queue: queue, progressFence: fence)
        do throws(Refusal) {
            hwQueue.handle = try device.process.enter(.hwQueue(hwQueue))
        } catch {
            close(fence)
            throw error
        }
        context.hwQueues[hwQueue.handle] = hwQueue
        let length = Int(request.requiredReplyLength(under: call.machine.interfaceVersion))
        var reply = MessageBuilder<CreateHwQueue.Request>(copying: request, byteCount: length)
        reply.status = .success
        reply.hwqueue = hwQueue.handle
        reply.hwqueueProgressFence = fence.handle
        reply.hwqueueProgressFenceCpuva = guestAddress(of: fence)
        reply.hwqueueProgressFenceGpuva = fence.gpuAddress
        return reply.bytes
    }

    /// D3DDDI_CREATEHWQUEUEFLAGS bit 4.
    private static let userModeSubmission: UInt32 = 1 << 4

    func destroyHwQueue(_ request: MessageView<DestroyHwQueue.Request>, _ call: Call) throws(Refusal) {
        forget(try call.hwQueue(request.hwqueue))
    }

    /// Ends a hardware queue and its progress fence; its packets run to their end.
    func forget(_ hwQueue: HwQueue) {
        let device = hwQueue.context.device
        drain(hwQueue.queue)
        hwQueue.context.hwQueues[hwQueue.handle] = nil
        device.process.leave(hwQueue.handle)
        close(hwQueue.progressFence)
    }

    // MARK: Submissions

    func submitCommand(_ request: MessageView<SubmitCommand.Request>, _ call: Call) throws(Refusal) {
        let handles = request.broadcastContext
        guard (1...64).contains(request.broadcastContextCount) else {
            throw .invalid("\(request.broadcastContextCount) contexts")
        }
        var contexts: [Context] = []
        for index in 0..<Int(request.broadcastContextCount) { contexts.append(try call.context(handles[index])) }
        let device = contexts[0].device
        do throws(Refusal) {
            guard device.isActive else { throw .lost(device) }
            for context in contexts {
                guard context.device === device else { throw .invalid("contexts of several devices") }
                guard !context.hasHwQueues, !context.isSynchronizationOnly else {
                    throw .invalid("context \(context.handle) takes no command buffers")
                }
            }
            // The guest's driver does not bound this count (docs/protocol/semantics.md 23.11).
            guard request.numPrimaries <= 16 else { throw .invalid("\(request.numPrimaries) primaries") }
            try check(commandBuffer: request.commandBuffer, length: request.commandLength)
            try checkQueued(contexts.count, on: device)
        } catch {
            throw Refusal(error.status, error.reason, device: device.handle)
        }
        for context in contexts {
            append(
                .submit(
                    Submission(
                        commandBuffer: AddressSpace.plain(request.commandBuffer), length: UInt64(request.commandLength),
                        isNull: context.isNullRendering || request.flagsNullRendering, progress: nil)),
                to: context.queue)
        }
    }

    func submitCommandToHwQueue(
        _ request: MessageView<SubmitCommandToHwQueue.Request>, _ call: Call
    ) throws(Refusal) {
        let hwQueue = try call.hwQueue(request.hwqueue)
        let context = hwQueue.context
        let device = context.device
        let progressID = request.hwqueueProgressFenceId
        do throws(Refusal) {
            guard device.isActive else { throw .lost(device) }
            guard !context.isSynchronizationOnly else {
                throw .invalid("hardware queue \(request.hwqueue) takes no command buffers")
            }
            guard progressID > hwQueue.lastProgressID else {
                throw .invalid("progress fence id \(progressID) after \(hwQueue.lastProgressID)")
            }
            try check(commandBuffer: request.commandBuffer, length: request.commandLength)
            try checkQueued(1, on: device)
        } catch {
            throw Refusal(error.status, error.reason, device: device.handle)
        }
        hwQueue.lastProgressID = progressID
        append(
            .submit(
                Submission(
                    commandBuffer: AddressSpace.plain(request.commandBuffer), length: UInt64(request.commandLength),
                    isNull: context.isNullRendering, progress: (hwQueue.progressFence.object, progressID))),
            to: hwQueue.queue)
    }

    /// The place of a command buffer must make sense; what is in it is looked at when it runs.
    private func check(commandBuffer address: UInt64, length: UInt32) throws(Refusal) {
        guard address.isMultiple(ofPowerOfTwo: 8), UInt64(length).isMultiple(ofPowerOfTwo: 8) else {
            throw .invalid("a command buffer of \(length) bytes at \(address) is not aligned to 8")
        }
    }
}
