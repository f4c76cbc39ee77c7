public import DXGProtocol

extension GuestProcess {
    /// D3DKMTCreateSynchronizationObject2 for any type; `fill` sets the fields that belong to it.
    public func createSynchronizationObject2(
        device: D3DKMTHandle, type: SynchronizationObjectType, flags: SynchronizationFlags = [],
        _ fill: (inout MessageBuilder<CreateSyncObject.Request>) -> Void = { _ in }
    ) throws(GuestError) -> SynchronizationObject {
        var request = MessageBuilder<CreateSyncObject.Request>()
        request.device = device
        request.type = type.rawValue
        request.flagsValue = flags.rawValue
        request.clientHint = 1
        fill(&request)
        return try call(request) { reply in
            SynchronizationObject(
                handle: try GuestMachine.check(reply.syncObject, CreateSyncObject.Request.self),
                globalHandle: reply.globalSyncObject, gpuVirtualAddress: reply.fenceGpuVa,
                fenceAddress: reply.fenceStorageAddress)
        }
    }

    /// D3DKMTCreateSynchronizationObject2 for a monitored fence.
    public func createMonitoredFence(
        device: D3DKMTHandle, initialValue: UInt64 = 0, flags: SynchronizationFlags = []
    ) throws(GuestError) -> SynchronizationObject {
        try createSynchronizationObject2(device: device, type: .monitoredFence, flags: flags) {
            $0.monitoredFenceInitialFenceValue = initialValue
        }
    }

    /// D3DKMTOpenSyncObjectFromNtHandle2: opens a shared object of another process by its global handle.
    public func openSyncObject(
        device: D3DKMTHandle, globalHandle: D3DKMTHandle, flags: SynchronizationFlags = []
    ) throws(GuestError) -> SynchronizationObject {
        var request = MessageBuilder<OpenSyncObject.Request>()
        request.device = device
        request.globalSyncObject = globalHandle
        request.flagsValue = flags.rawValue
        return try call(request) { reply in
            try GuestMachine.check(reply.status, OpenSyncObject.Request.self)
            return SynchronizationObject(
                handle: reply.syncObject, globalHandle: globalHandle, gpuVirtualAddress: reply.gpuVirtualAddress,
                fenceAddress: reply.guestCpuPhysicalAddress)
        }
    }

    /// D3DKMTDestroySynchronizationObject.
    public func destroySynchronizationObject(_ object: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<DestroySyncObject.Request>()
        request.syncObject = object
        try callForStatus(request)
    }

    /// D3DKMTSignalSynchronizationObjectFromCpu.
    public func signalSynchronizationObjectFromCpu(
        device: D3DKMTHandle, objects: [D3DKMTHandle], values: [UInt64]
    ) throws(GuestError) {
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.device = device
        request.appendObjects(objects)
        request.appendContexts([])
        request.appendFenceValues(values)
        try submit(request)
    }

    /// D3DKMTSignalSynchronizationObjectFromGpu2: a signal behind the work of all these contexts, or hardware queues as
    /// D3DKMTSubmitSignalSyncObjectsToHwQueue has it.
    public func signalSynchronizationObjectFromGpu(
        contexts: [D3DKMTHandle], objects: [D3DKMTHandle], values: [UInt64], flags: SignalFlags = []
    ) throws(GuestError) {
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.flagsValue = flags.rawValue
        request.appendObjects(objects)
        request.appendContexts(contexts)
        request.appendFenceValues(values)
        try submit(request)
    }

    /// D3DKMTSignalSynchronizationObjectFromGpu2 with an event, which is signalled once when all these contexts have
    /// done their work.
    public func enqueueCpuEvent(contexts: [D3DKMTHandle]) throws(GuestError) -> GuestEvent {
        let event = machine.makeEvent()
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.flagsEnqueueCpuEvent = true
        request.cpuEventHandle = event.id
        request.appendObjects([])
        request.appendContexts(contexts)
        do throws(GuestError) {
            try submit(request)
        } catch {
            machine.forget(event)
            throw error
        }
        return event
    }

    /// D3DKMTSignalSynchronizationObject2: one value for all objects, of any type.
    public func signalSynchronizationObject2(
        context: D3DKMTHandle, objects: [D3DKMTHandle], fenceValue: UInt64 = 0
    ) throws(GuestError) {
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.fenceValue = fenceValue
        request.appendObjects(objects)
        request.appendContexts([context])
        try submit(request)
    }

    /// D3DKMTWaitForSynchronizationObjectFromCpu: waits until all fences (or one) have reached their values.
    public func waitForSynchronizationObjectFromCpu(
        device: D3DKMTHandle, objects: [D3DKMTHandle], values: [UInt64], waitAny: Bool = false,
        until deadline: Deadline = .never
    ) throws(GuestError) {
        let event = try beginWaitFromCpu(device: device, objects: objects, values: values, waitAny: waitAny)
        try event.wait(until: deadline)
    }

    /// D3DKMTWaitForSynchronizationObjectFromCpu with an event: the host signals it when the wait is over.
    public func beginWaitFromCpu(
        device: D3DKMTHandle, objects: [D3DKMTHandle], values: [UInt64], waitAny: Bool = false
    ) throws(GuestError) -> GuestEvent {
        let event = machine.makeEvent()
        var request = MessageBuilder<WaitForSyncObjectFromCpu.Request>()
        request.device = device
        request.flagsWaitAny = waitAny
        request.guestEventPointer = event.id
        request.appendObjects(objects)
        request.appendFenceValues(values)
        do throws(GuestError) {
            try callForStatus(request)
        } catch {
            machine.forget(event)
            throw error
        }
        return event
    }

    /// D3DKMTWaitForSynchronizationObjectFromGpu, or with a hardware queue D3DKMTSubmitWaitForSyncObjectsToHwQueue:
    /// what is submitted later starts when all fences have reached their values.
    public func waitForSynchronizationObjectFromGpu(
        context: D3DKMTHandle, objects: [D3DKMTHandle], values: [UInt64]
    ) throws(GuestError) {
        try waitFromGpu(context, objects, values, isLegacy: false)
    }

    /// D3DKMTWaitForSynchronizationObject2, for mutexes, semaphores and legacy fences.
    public func waitForSynchronizationObject2(
        context: D3DKMTHandle, objects: [D3DKMTHandle], fenceValue: UInt64 = 0
    ) throws(GuestError) {
        let values = objects.indices.map { $0 == 0 ? fenceValue : 0 }
        try waitFromGpu(context, objects, values, isLegacy: true)
    }

    private func waitFromGpu(
        _ context: D3DKMTHandle, _ objects: [D3DKMTHandle], _ values: [UInt64], isLegacy: Bool
    ) throws(GuestError) {
        var request = MessageBuilder<WaitForSyncObjectFromGpu.Request>()
        request.context = context
        request.legacyFenceObject = isLegacy
        request.appendFenceValues(values)
        request.appendObjects(objects)
        try submit(request)
    }

    /// The value that a fence has published, by the guest physical address that came with it.
    public func fenceValue(at address: UInt64) throws(GuestError) -> UInt64 {
        try machine.ioSpace.loadUInt64(at: address)
    }
}

/// How a synchronization object is made or opened (docs/protocol/semantics.md 8.1).
public struct SynchronizationFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Other processes can open it; Linux wants `ntSecuritySharing` with it.
    public static let shared = SynchronizationFlags(rawValue: 1 << 0)

    /// Shared by handles with security, the only way that Linux has.
    public static let ntSecuritySharing = SynchronizationFlags(rawValue: 1 << 1)

    /// Other adapters open it too.
    public static let crossAdapter = SynchronizationFlags(rawValue: 1 << 2)

    /// A queued signal takes effect when the work before it was fetched.
    public static let topOfPipeline = SynchronizationFlags(rawValue: 1 << 3)

    /// Signals through this handle are refused.
    public static let noSignal = SynchronizationFlags(rawValue: 1 << 4)

    /// Waits through this handle are refused.
    public static let noWait = SynchronizationFlags(rawValue: 1 << 5)

    /// The loss of a device does not move the fence.
    public static let noSignalMaxValueOnTDR = SynchronizationFlags(rawValue: 1 << 6)

    /// The fence has no GPU virtual address.
    public static let noGPUAccess = SynchronizationFlags(rawValue: 1 << 7)

    /// Only the kernel-mode driver signals it; for CPU notifications.
    public static let signalByKMD = SynchronizationFlags(rawValue: 1 << 8)
}

/// How a signal is queued (docs/protocol/semantics.md 8.3).
public struct SignalFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Takes effect when the work before it went to the hardware.
    public static let atSubmission = SignalFlags(rawValue: 1 << 0)

    /// An event is signalled in place of objects.
    public static let enqueueCpuEvent = SignalFlags(rawValue: 1 << 1)

    /// The value may become lower.
    public static let allowFenceRewind = SignalFlags(rawValue: 1 << 2)
}

/// A synchronization object as a process has it.
public struct SynchronizationObject: Hashable, Sendable {
    /// The name in the process.
    public let handle: D3DKMTHandle

    /// The name by which other processes open it; none unless it is shared.
    public let globalHandle: D3DKMTHandle

    /// Where the GPU sees a fence's value; 0 for none.
    public let gpuVirtualAddress: UInt64

    /// The guest physical address of a fence's value; 0 for none.
    public let fenceAddress: UInt64
}
