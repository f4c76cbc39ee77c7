import DXGProtocol
import Testing

@testable import SoftGPU

/// A process of a test's guest with `/dev/dxg` open.
final class VirtualProcess {
    let guest: VirtualGuest
    let handle: D3DKMTHandle
    let pid: UInt64
    /// Guest physical addresses of the pages of its fences.
    var fencePages: [D3DKMTHandle: UInt64] = [:]

    init(guest: VirtualGuest, handle: D3DKMTHandle, pid: UInt64) {
        self.guest = guest
        self.handle = handle
        self.pid = pid
    }

    @discardableResult
    func call<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, adapter: Int = 0
    ) -> VirtualGuest.Answer<Request.Reply> {
        guest.call(request, process: handle, adapter: adapter)
    }

    @discardableResult
    func status<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, adapter: Int = 0
    ) -> NTStatus where Request.Reply == StatusReply {
        guest.status(request, process: handle, adapter: adapter)
    }

    func post<Request: RequestLayout>(_ request: MessageBuilder<Request>, adapter: Int = 0) {
        guest.post(request, process: handle, adapter: adapter)
    }

    /// nil while the reply is deferred.
    @discardableResult
    func destroy() -> NTStatus? {
        let answer = call(MessageBuilder<DestroyProcess.Request>())
        return answer.bytes == nil ? nil : answer.fields.status
    }

    func createDevice(
        adapter: Int = 0, cookie: UInt64 = 0xffff_ffff_a000_0000, disablesTimeout: Bool = false
    ) -> VirtualDevice {
        var request = MessageBuilder<CreateDevice.Request>()
        request.errorCode = cookie
        request.flagsDisableGpuTimeout = disablesTimeout
        return VirtualDevice(process: self, handle: call(request, adapter: adapter).fields.device, adapter: adapter)
    }

    func destroySyncObject(_ object: D3DKMTHandle) -> NTStatus {
        var request = MessageBuilder<DestroySyncObject.Request>()
        request.syncObject = object
        return status(request)
    }

    /// 1004: the NT handle, or none.
    func share(_ object: D3DKMTHandle) -> D3DKMTHandle {
        var request = MessageBuilder<CreateNtSharedObject.Request>()
        request.object = object
        return call(request).fields.handle
    }

    func unshare(_ name: D3DKMTHandle) -> NTStatus {
        var request = MessageBuilder<DestroyNtSharedObject.Request>()
        request.sharedHandle = name
        return guest.status(request)
    }

    // MARK: GPU virtual addresses

    func reserve(
        size: UInt64, base: UInt64 = 0, minimum: UInt64 = 0, maximum: UInt64 = 0, type: UInt32 = 0,
        by selector: D3DKMTHandle? = nil, adapter: Int = 0
    ) -> UInt64? {
        var request = MessageBuilder<ReserveGpuVirtualAddress.Request>()
        request.adapter = selector ?? guest.adapterHandles[adapter]
        request.baseAddress = base
        request.minimumAddress = minimum
        request.maximumAddress = maximum
        request.size = size
        request.reservationType = type
        let answer = call(request, adapter: adapter)
        return answer.isShort ? nil : answer.fields.virtualAddress
    }

    func free(_ base: UInt64, _ size: UInt64, adapter: Int = 0) -> NTStatus {
        var request = MessageBuilder<FreeGpuVirtualAddress.Request>()
        request.adapter = guest.adapterHandles[adapter]
        request.baseAddress = base
        request.size = size
        return status(request, adapter: adapter)
    }

    func videoMemory(_ group: UInt32, index: UInt32 = 0, adapter: Int = 0) -> MessageBuilder<
        QueryVideoMemoryInfo.Reply
    >? {
        var request = MessageBuilder<QueryVideoMemoryInfo.Request>()
        request.adapter = guest.adapterHandles[adapter]
        request.memorySegmentGroup = group
        request.physicalAdapterIndex = index
        let answer = call(request, adapter: adapter)
        return answer.isShort ? nil : answer.fields
    }

    /// The model's side of this process.
    var model: GuestProcess? { guest.machine?.processes[handle] }

    func space(adapter: Int = 0) -> AddressSpaceID? { model?.spaces[adapter]?.id }
}
