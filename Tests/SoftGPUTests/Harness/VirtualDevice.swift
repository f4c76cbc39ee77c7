import DXGProtocol
import Testing

@testable import SoftGPU

/// A device of a test's process, with the commands that name it.
struct VirtualDevice {
    let process: VirtualProcess
    let handle: D3DKMTHandle
    let adapter: Int

    var guest: VirtualGuest { process.guest }
    var host: TestHost { process.guest.host }

    @discardableResult
    func call<Request: RequestLayout>(_ request: MessageBuilder<Request>) -> VirtualGuest.Answer<Request.Reply> {
        process.call(request, adapter: adapter)
    }

    @discardableResult
    func status<Request: RequestLayout>(
        _ request: MessageBuilder<Request>
    ) -> NTStatus where Request.Reply == StatusReply {
        process.status(request, adapter: adapter)
    }

    // MARK: The device

    /// nil while the reply is deferred.
    @discardableResult
    func destroy() -> NTStatus? {
        var request = MessageBuilder<DestroyDevice.Request>()
        request.device = handle
        let answer = call(request)
        return answer.bytes == nil ? nil : answer.fields.status
    }

    /// nil while the reply is deferred.
    func flush(reason: UInt32 = 4) -> NTStatus? {
        var request = MessageBuilder<FlushDevice.Request>()
        request.device = handle
        request.reason = reason
        let answer = call(request)
        return answer.bytes == nil ? nil : answer.fields.status
    }

    func state(_ type: DeviceStateType = .execution) -> MessageBuilder<GetDeviceState.Reply> {
        var request = MessageBuilder<GetDeviceState.Request>()
        request.device = handle
        request.stateType = type.rawValue
        return call(request).fields
    }

    var executionState: DeviceExecutionState? { DeviceExecutionState(rawValue: state().executionState) }

    @discardableResult
    func markAsError(reason: UInt32 = 0x8000_0000) -> NTStatus {
        var request = MessageBuilder<MarkDeviceAsError.Request>()
        request.device = handle
        request.reason = reason
        return status(request)
    }

    // MARK: Contexts and queues

    func createContext(node: UInt32 = 0, flags: UInt32 = 0, affinity: UInt32 = 0, data: [UInt8] = []) -> D3DKMTHandle {
        var request = MessageBuilder<CreateContextVirtual.Request>()
        request.device = handle
        request.nodeOrdinal = node
        request.engineAffinity = affinity
        request.flagsValue = flags
        request.appendPrivateDriverData(data)
        return call(request).fields.context
    }

    @discardableResult
    func destroyContext(_ context: D3DKMTHandle) -> NTStatus {
        var request = MessageBuilder<DestroyContext.Request>()
        request.context = context
        return status(request)
    }

    /// A context that takes hardware queues, and one of them.
    func createHwQueue(flags: UInt32 = 0) -> VirtualHwQueue {
        createHwQueue(on: createContext(flags: 1 << 4), flags: flags)
    }

    func createHwQueue(on context: D3DKMTHandle, flags: UInt32 = 0, data: [UInt8] = []) -> VirtualHwQueue {
        var request = MessageBuilder<CreateHwQueue.Request>()
        request.context = context
        request.flagsValue = flags
        request.appendPrivateDriverData(data)
        let reply = call(request).fields
        if reply.status == .success {
            process.fencePages[reply.hwqueueProgressFence] = reply.hwqueueProgressFenceCpuva
        }
        return VirtualHwQueue(
            status: reply.status, handle: reply.hwqueue, context: context, fence: reply.hwqueueProgressFence,
            page: reply.hwqueueProgressFenceCpuva, gpuAddress: reply.hwqueueProgressFenceGpuva)
    }

    @discardableResult
    func destroyHwQueue(_ queue: VirtualHwQueue) -> NTStatus {
        var request = MessageBuilder<DestroyHwQueue.Request>()
        request.hwqueue = queue.handle
        return status(request)
    }

    static func submission(
        to contexts: [D3DKMTHandle], at address: UInt64 = 0x1_0000_0000, length: UInt32 = 64, isNull: Bool = false
    ) -> MessageBuilder<SubmitCommand.Request> {
        var request = MessageBuilder<SubmitCommand.Request>()
        request.commandBuffer = address
        request.commandLength = length
        request.broadcastContextCount = UInt32(contexts.count)
        request.setBroadcastContext(contexts)
        request.flagsNullRendering = isNull
        return request
    }

    @discardableResult
    func submit(to contexts: D3DKMTHandle..., at address: UInt64 = 0x1_0000_0000, isNull: Bool = false) -> NTStatus {
        status(Self.submission(to: contexts, at: address, isNull: isNull))
    }

    @discardableResult
    func submit(to queue: VirtualHwQueue, progress: UInt64, at address: UInt64 = 0x1_0000_0000) -> NTStatus {
        var request = MessageBuilder<SubmitCommandToHwQueue.Request>()
        request.hwqueue = queue.handle
        request.hwqueueProgressFenceId = progress
        request.commandBuffer = address
        request.commandLength = 64
        return status(request)
    }

    // MARK: Memory

    /// One allocation blob's bytes (Sources/CSoftGPU/include/understudy_softgpu.h).
    static func blob(size: UInt64, alignment: UInt64 = 0, heap: UInt32 = 0, flags: UInt32 = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in [0x5550_4753, 1 | 2 << 16, 48, 0] as [UInt32] { bytes.append(littleEndian: word) }
        bytes.append(littleEndian: size)
        bytes.append(littleEndian: alignment)
        bytes.append(littleEndian: heap)
        bytes.append(littleEndian: flags)
        bytes.append(littleEndian: UInt64(0))
        return bytes
    }

    static let cpuVisible: UInt32 = 1

    func allocationRequest(
        _ blobs: [[UInt8]], resource: D3DKMTHandle = .none,
        configure: (inout MessageBuilder<CreateAllocation.Request>) -> Void = { _ in }
    ) -> MessageBuilder<CreateAllocation.Request> {
        var request = MessageBuilder<CreateAllocation.Request>()
        request.device = handle
        request.resource = resource
        request.appendAllocInfo(
            blobs.map { blob in
                var info = MessageBuilder<AllocationInfo>()
                info.privDrvDataSize = UInt32(blob.count)
                return info
            })
        request.appendPrivateRuntimeData([])
        request.appendResourcePrivateDriverData([])
        request.appendPrivateDriverData(blobs)
        configure(&request)
        return request
    }

    /// The handles of new allocations, or nothing.
    func allocate(
        _ size: UInt64, count: Int = 1, heap: UInt32 = 0, flags: UInt32 = 0, resource: D3DKMTHandle = .none,
        configure: (inout MessageBuilder<CreateAllocation.Request>) -> Void = { _ in }
    ) -> VirtualAllocations {
        let blobs = Array(repeating: Self.blob(size: size, heap: heap, flags: flags), count: count)
        let answer = call(allocationRequest(blobs, resource: resource, configure: configure))
        guard let bytes = answer.bytes, !bytes.isEmpty else { return VirtualAllocations(resource: .none, handles: []) }
        let handles = (0..<count).map { D3DKMTHandle(rawValue: bytes.number(at: 16 + 72 * $0)) }
        return VirtualAllocations(resource: answer.fields.resource, handles: handles)
    }

    /// One allocation's handle.
    func allocate(_ size: UInt64, heap: UInt32 = 0, flags: UInt32 = 0) -> D3DKMTHandle {
        allocate(size, count: 1, heap: heap, flags: flags).handles.first ?? .none
    }

    func allocateExisting(_ size: UInt64) -> D3DKMTHandle {
        allocate(size, count: 1) { $0.flagsExistingSysmem = true }.handles.first ?? .none
    }

    /// A resource that other processes may open.
    func allocateShared(_ size: UInt64, count: Int = 1, flags: UInt32 = 0) -> VirtualAllocations {
        allocate(size, count: count, flags: flags) {
            $0.flagsCreateResource = true
            $0.flagsCreateShared = true
            $0.flagsNtSecuritySharing = true
        }
    }

    /// nil while the reply is deferred.
    @discardableResult
    func destroyAllocations(
        _ allocations: [D3DKMTHandle], resource: D3DKMTHandle = .none, flags: UInt32 = 0
    ) -> NTStatus? {
        var request = MessageBuilder<DestroyAllocation.Request>()
        request.device = handle
        request.resource = resource
        request.flagsValue = flags
        request.appendAllocations(allocations)
        let answer = call(request)
        return answer.bytes == nil ? nil : answer.fields.status
    }

    func setPages(_ allocation: D3DKMTHandle, _ frames: [UInt64], offset: UInt32 = 0) -> NTStatus {
        var request = MessageBuilder<SetExistingSysMemPages.Request>()
        request.device = handle
        request.allocation = allocation
        request.allocOffsetInPages = offset
        request.appendPageFrameNumbers(frames)
        return status(request)
    }

    func setStore(_ allocation: D3DKMTHandle, gpadl: UInt32) -> NTStatus {
        var request = MessageBuilder<SetExistingSysMemStore.Request>()
        request.device = handle
        request.allocation = allocation
        request.gpadl = gpadl
        return status(request)
    }

    func openResource(_ name: D3DKMTHandle, count: Int = 1) -> VirtualAllocations {
        var request = MessageBuilder<OpenResource.Request>()
        request.device = handle
        request.ntSecuritySharing = true
        request.globalShare = name
        request.allocationCount = UInt32(count)
        let answer = call(request)
        guard answer.fields.status == .success, let bytes = answer.bytes else {
            return VirtualAllocations(resource: .none, handles: [])
        }
        let handles = (0..<count).map { D3DKMTHandle(rawValue: bytes.number(at: 8 + 4 * $0)) }
        return VirtualAllocations(resource: answer.fields.resource, handles: handles)
    }

    /// The guest physical address of a lock, or nil.
    func lock(_ allocation: D3DKMTHandle) -> (status: NTStatus, address: UInt64) {
        var request = MessageBuilder<Lock2.Request>()
        request.device = handle
        request.allocation = allocation
        let reply = call(request).fields
        return (reply.status, reply.cpuVisibleBufferOffset)
    }

    func unlock(_ allocation: D3DKMTHandle) -> NTStatus {
        var request = MessageBuilder<Unlock2.Request>()
        request.device = handle
        request.allocation = allocation
        return status(request)
    }

    // MARK: Residency

    func createPagingQueue(priority: Int32 = 0) -> VirtualPagingQueue {
        var request = MessageBuilder<CreatePagingQueue.Request>()
        request.device = handle
        request.priority = priority
        let answer = call(request)
        guard !answer.isShort else { return VirtualPagingQueue(handle: .none, fence: .none, page: 0) }
        let reply = answer.fields
        process.fencePages[reply.syncObject] = reply.fenceStoragePhysicalAddress
        return VirtualPagingQueue(
            handle: reply.pagingQueue, fence: reply.syncObject, page: reply.fenceStoragePhysicalAddress)
    }

    func destroyPagingQueue(_ queue: VirtualPagingQueue) {
        var request = MessageBuilder<DestroyPagingQueue.Request>()
        request.pagingQueue = queue.handle
        call(request)
    }

    @discardableResult
    func makeResident(
        _ allocations: [D3DKMTHandle], on queue: VirtualPagingQueue, flags: UInt32 = 0
    ) -> MessageBuilder<MakeResident.Reply> {
        var request = MessageBuilder<MakeResident.Request>()
        request.pagingQueue = queue.handle
        request.flagsValue = flags
        request.appendAllocations(allocations)
        return call(request).fields
    }

    /// Bytes to trim, or nil where it was refused.
    @discardableResult
    func evict(_ allocations: [D3DKMTHandle], onlyIfNecessary: Bool = false) -> UInt64? {
        var request = MessageBuilder<Evict.Request>()
        request.device = handle
        request.flagsEvictOnlyIfNecessary = onlyIfNecessary
        request.appendAllocations(allocations)
        let answer = call(request)
        return answer.isShort ? nil : answer.fields.numBytesToTrim
    }

    // MARK: GPU virtual addresses

    func mapRequest(
        _ allocation: D3DKMTHandle, on queue: VirtualPagingQueue, pages: UInt64, base: UInt64 = 0, offset: UInt64 = 0,
        protection: UInt64 = 1
    ) -> MessageBuilder<MapGpuVirtualAddress.Request> {
        var request = MessageBuilder<MapGpuVirtualAddress.Request>()
        request.pagingQueue = queue.handle
        request.allocation = allocation
        request.baseAddress = base
        request.offsetInPages = offset
        request.sizeInPages = pages
        request.protectionValue = protection
        return request
    }

    func map(
        _ allocation: D3DKMTHandle, on queue: VirtualPagingQueue, pages: UInt64, base: UInt64 = 0, offset: UInt64 = 0,
        protection: UInt64 = 1
    ) -> MessageBuilder<MapGpuVirtualAddress.Reply> {
        call(
            mapRequest(
                allocation, on: queue, pages: pages, base: base, offset: offset, protection: protection)
        ).fields
    }
}

struct VirtualHwQueue {
    let status: NTStatus
    let handle: D3DKMTHandle
    let context: D3DKMTHandle
    let fence: D3DKMTHandle
    /// Guest physical address of the progress fence's page.
    let page: UInt64
    let gpuAddress: UInt64
}

struct VirtualPagingQueue {
    let handle: D3DKMTHandle
    let fence: D3DKMTHandle
    let page: UInt64
}

struct VirtualAllocations {
    let resource: D3DKMTHandle
    let handles: [D3DKMTHandle]
}

extension [UInt8] {
    mutating func append<Number: FixedWidthInteger>(littleEndian value: Number) {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    func number<Number: FixedWidthInteger & UnsignedInteger>(at offset: Int) -> Number {
        (0..<Number.bitWidth / 8).reduce(0) { $0 | Number(self[offset + $1]) << Number(8 * $1) }
    }
}
