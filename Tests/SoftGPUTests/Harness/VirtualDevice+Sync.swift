import DXGProtocol
import Testing

@testable import SoftGPU

/// Fences and other synchronization objects of a test's device.
extension VirtualDevice {
    func syncObjectRequest(
        type: UInt32, flags: UInt32, configure: (inout MessageBuilder<CreateSyncObject.Request>) -> Void = { _ in }
    ) -> MessageBuilder<CreateSyncObject.Request> {
        var request = MessageBuilder<CreateSyncObject.Request>()
        request.device = handle
        request.type = type
        request.flagsValue = flags
        request.clientHint = 1
        configure(&request)
        return request
    }

    /// A monitored fence; nothing in it where it was refused.
    func createFence(_ value: UInt64 = 0, flags: SyncObjectFlags = []) -> VirtualFence {
        let answer = call(
            syncObjectRequest(type: 5, flags: flags.rawValue) { $0.monitoredFenceInitialFenceValue = value })
        guard !answer.isShort else { return VirtualFence(handle: .none, global: .none, page: 0, gpuAddress: 0) }
        let reply = answer.fields
        #expect(reply.fenceStorageOffset == 0)
        process.fencePages[reply.syncObject] = reply.fenceStorageAddress
        return VirtualFence(
            handle: reply.syncObject, global: reply.globalSyncObject, page: reply.fenceStorageAddress,
            gpuAddress: reply.fenceGpuVa)
    }

    func createSharedFence(_ value: UInt64 = 0, flags: SyncObjectFlags = []) -> VirtualFence {
        createFence(value, flags: flags.union([.shared, .ntSecuritySharing]))
    }

    /// An object of another type.
    func createSyncObject(
        type: UInt32, flags: UInt32 = 0, configure: (inout MessageBuilder<CreateSyncObject.Request>) -> Void = { _ in }
    ) -> D3DKMTHandle {
        let answer = call(syncObjectRequest(type: type, flags: flags, configure: configure))
        return answer.isShort ? .none : answer.fields.syncObject
    }

    /// 1002; the status tells a refusal.
    func open(_ global: D3DKMTHandle, flags: UInt32 = 0x40) -> (status: NTStatus, fence: VirtualFence) {
        var request = MessageBuilder<OpenSyncObject.Request>()
        request.device = handle
        request.globalSyncObject = global
        request.flagsValue = flags
        let reply = process.call(request).fields
        if reply.status == .success { process.fencePages[reply.syncObject] = reply.guestCpuPhysicalAddress }
        return (
            reply.status,
            VirtualFence(
                handle: reply.syncObject, global: global, page: reply.guestCpuPhysicalAddress,
                gpuAddress: reply.gpuVirtualAddress)
        )
    }

    // MARK: Waits

    /// A CPU wait; the event comes when it is satisfied.
    func wait(
        for fences: [(D3DKMTHandle, UInt64)], any: Bool = false, event: UInt64? = nil
    ) -> (status: NTStatus, event: UInt64) {
        let event = event ?? guest.newEvent()
        var request = MessageBuilder<WaitForSyncObjectFromCpu.Request>()
        request.device = handle
        request.flagsWaitAny = any
        request.guestEventPointer = event
        request.appendObjects(fences.map(\.0))
        request.appendFenceValues(fences.map(\.1))
        return (status(request), event)
    }

    /// A CPU wait for one fence; its event.
    func wait(_ fence: D3DKMTHandle, _ value: UInt64) -> UInt64 { wait(for: [(fence, value)]).event }

    @discardableResult
    func gpuWait(on queue: D3DKMTHandle, for fences: [(D3DKMTHandle, UInt64)], isLegacy: Bool = false) -> NTStatus {
        status(Self.gpuWaitRequest(on: queue, for: fences, isLegacy: isLegacy))
    }

    static func gpuWaitRequest(
        on queue: D3DKMTHandle, for fences: [(D3DKMTHandle, UInt64)], isLegacy: Bool = false
    ) -> MessageBuilder<WaitForSyncObjectFromGpu.Request> {
        var request = MessageBuilder<WaitForSyncObjectFromGpu.Request>()
        request.context = queue
        request.legacyFenceObject = isLegacy
        request.appendFenceValues(fences.map(\.1))
        request.appendObjects(fences.map(\.0))
        return request
    }

    // MARK: Signals

    @discardableResult
    func signal(_ fences: (D3DKMTHandle, UInt64)..., rewind: Bool = false) -> NTStatus {
        status(Self.signalRequest(fences, device: handle) { $0.flagsAllowFenceRewind = rewind })
    }

    @discardableResult
    func gpuSignal(
        on queues: [D3DKMTHandle], _ fences: (D3DKMTHandle, UInt64)..., atSubmission: Bool = false, rewind: Bool = false
    ) -> NTStatus {
        status(
            Self.signalRequest(fences, queues: queues) {
                $0.flagsSignalAtSubmission = atSubmission
                $0.flagsAllowFenceRewind = rewind
            })
    }

    /// Signals objects as SignalSynchronizationObject2 does: one value for all.
    @discardableResult
    func legacySignal(on queue: D3DKMTHandle, _ objects: [D3DKMTHandle], value: UInt64 = 0) -> NTStatus {
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.fenceValue = value
        request.appendObjects(objects)
        request.appendContexts([queue])
        return status(request)
    }

    /// An event that comes when all queues have come to it.
    func enqueueEvent(on queues: [D3DKMTHandle]) -> (status: NTStatus, event: UInt64) {
        let event = guest.newEvent()
        return (status(Self.eventRequest(event, on: queues)), event)
    }

    static func eventRequest(_ event: UInt64, on queues: [D3DKMTHandle]) -> MessageBuilder<SignalSyncObject.Request> {
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.flagsEnqueueCpuEvent = true
        request.cpuEventHandle = event
        request.appendObjects([])
        request.appendContexts(queues)
        return request
    }

    static func signalRequest(
        _ fences: [(D3DKMTHandle, UInt64)], queues: [D3DKMTHandle] = [], device: D3DKMTHandle = .none,
        configure: (inout MessageBuilder<SignalSyncObject.Request>) -> Void = { _ in }
    ) -> MessageBuilder<SignalSyncObject.Request> {
        var request = MessageBuilder<SignalSyncObject.Request>()
        if queues.isEmpty { request.device = device }
        configure(&request)
        request.appendObjects(fences.map(\.0))
        request.appendContexts(queues)
        request.appendFenceValues(fences.map(\.1))
        return request
    }

    func value(of fence: VirtualFence) -> UInt64 { guest.fenceValue(at: fence.page) }
}

struct VirtualFence {
    let handle: D3DKMTHandle
    let global: D3DKMTHandle
    /// Guest physical address of its page.
    let page: UInt64
    let gpuAddress: UInt64
}
