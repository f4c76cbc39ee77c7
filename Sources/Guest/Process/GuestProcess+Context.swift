public import DXGProtocol

extension GuestProcess {
    /// D3DKMTCreateContextVirtual. Gives the context and the private data as the host left it.
    public func createContextVirtual(
        device: D3DKMTHandle, node: UInt32 = 0, engineAffinity: UInt32 = 0, flags: ContextFlags = [],
        clientHint: ClientHint = .unknown, privateDriverData: [UInt8] = []
    ) throws(GuestError) -> (context: D3DKMTHandle, privateDriverData: [UInt8]) {
        var request = MessageBuilder<CreateContextVirtual.Request>()
        request.device = device
        request.nodeOrdinal = node
        request.engineAffinity = engineAffinity
        request.flagsValue = flags.rawValue
        request.clientHint = clientHint.rawValue
        request.appendPrivateDriverData(privateDriverData)
        return try call(request) { reply in
            let context = try GuestMachine.check(reply.context, CreateContextVirtual.Request.self)
            return (context, [UInt8](copying: reply.privateDriverData))
        }
    }

    /// D3DKMTDestroyContext.
    public func destroyContext(_ context: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<DestroyContext.Request>()
        request.context = context
        try callForStatus(request)
    }

    /// D3DKMTSetContextSchedulingPriority, or its in-process form.
    public func setContextSchedulingPriority(
        _ context: D3DKMTHandle, _ priority: Int32, inProcess: Bool = false
    ) throws(GuestError) {
        var request = MessageBuilder<SetContextSchedulingPriority.Request>()
        request.context = context
        request.priority = priority
        request.inProcess = inProcess
        try callForStatus(request)
    }

    /// D3DKMTGetContextSchedulingPriority, or its in-process form.
    public func getContextSchedulingPriority(
        _ context: D3DKMTHandle, inProcess: Bool = false
    ) throws(GuestError) -> Int32 {
        var request = MessageBuilder<GetContextSchedulingPriority.Request>()
        request.context = context
        request.inProcess = inProcess
        return try call(request) { reply in
            try GuestMachine.check(reply.status, GetContextSchedulingPriority.Request.self)
            return reply.priority
        }
    }

    /// D3DKMTCreateHwQueue.
    public func createHwQueue(
        context: D3DKMTHandle, flags: UInt32 = 0, privateDriverData: [UInt8] = []
    ) throws(GuestError) -> HardwareQueue {
        var request = MessageBuilder<CreateHwQueue.Request>()
        request.context = context
        request.flagsValue = flags
        request.appendPrivateDriverData(privateDriverData)
        return try call(request) { reply in
            try GuestMachine.check(reply.status, CreateHwQueue.Request.self)
            return HardwareQueue(
                handle: try GuestMachine.check(reply.hwqueue, CreateHwQueue.Request.self),
                progressFence: reply.hwqueueProgressFence, fenceAddress: reply.hwqueueProgressFenceCpuva,
                fenceGPUVirtualAddress: reply.hwqueueProgressFenceGpuva,
                privateDriverData: [UInt8](copying: reply.privateDriverData))
        }
    }

    /// D3DKMTDestroyHwQueue.
    public func destroyHwQueue(_ queue: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<DestroyHwQueue.Request>()
        request.hwqueue = queue
        try callForStatus(request)
    }

    /// D3DKMTSubmitCommand: a command buffer for one context, or for several at once.
    public func submitCommand(
        contexts: [D3DKMTHandle], commandBuffer: UInt64, length: UInt32, writtenPrimaries: [D3DKMTHandle] = [],
        historyBuffers: [D3DKMTHandle] = [], privateDriverData: [UInt8] = []
    ) throws(GuestError) {
        guard contexts.count <= 64, writtenPrimaries.count <= 16 else {
            throw .invalidRequest("SubmitCommand takes up to 64 contexts and 16 primaries")
        }
        var request = MessageBuilder<SubmitCommand.Request>(
            extraBytes: historyBuffers.count * 4 + privateDriverData.count)
        request.commandBuffer = commandBuffer
        request.commandLength = length
        request.broadcastContextCount = UInt32(contexts.count)
        request.setBroadcastContext(contexts)
        request.numPrimaries = UInt32(writtenPrimaries.count)
        request.setWrittenPrimaries(writtenPrimaries)
        request.appendHistoryBuffers(historyBuffers)
        request.appendPrivateDriverData(privateDriverData)
        try submit(request)
    }

    /// D3DKMTSubmitCommandToHwQueue. The queue's progress fence becomes `fenceValue` when the buffer is done.
    public func submitCommandToHwQueue(
        _ queue: D3DKMTHandle, fenceValue: UInt64, commandBuffer: UInt64, length: UInt32,
        writtenPrimaries: [D3DKMTHandle] = [], privateDriverData: [UInt8] = []
    ) throws(GuestError) {
        var request = MessageBuilder<SubmitCommandToHwQueue.Request>(
            extraBytes: writtenPrimaries.count * 4 + privateDriverData.count)
        request.hwqueue = queue
        request.hwqueueProgressFenceId = fenceValue
        request.commandBuffer = commandBuffer
        request.commandLength = length
        request.appendWrittenPrimaries(writtenPrimaries)
        request.appendPrivateDriverData(privateDriverData)
        try submit(request)
    }
}

/// How a context is made (docs/protocol/semantics.md 6, CMD 6).
public struct ContextFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Submissions execute nothing, but complete and signal in order.
    public static let nullRendering = ContextFlags(rawValue: 1 << 0)

    /// Private data are given.
    public static let initialData = ContextFlags(rawValue: 1 << 1)

    /// Long work does not lose the device.
    public static let disableGPUTimeout = ContextFlags(rawValue: 1 << 2)
    /// Waits and signals only.
    public static let synchronizationOnly = ContextFlags(rawValue: 1 << 3)
    /// The context is the parent of hardware queues, to which all work goes.
    public static let hardwareQueueSupported = ContextFlags(rawValue: 1 << 4)
}

/// A hardware queue and its progress fence.
public struct HardwareQueue: Hashable, Sendable {
    /// The queue, to submit to.
    public let handle: D3DKMTHandle

    /// The fence, to wait for.
    public let progressFence: D3DKMTHandle

    /// The guest physical address of the fence's value.
    public let fenceAddress: UInt64

    /// The GPU virtual address of the fence's value.
    public let fenceGPUVirtualAddress: UInt64

    /// The private data as the host left them.
    public let privateDriverData: [UInt8]
}
