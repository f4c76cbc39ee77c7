public import DXGProtocol

extension GuestProcess {
    /// D3DKMTReserveGpuVirtualAddress. Addresses and size are multiples of 64 KiB; base 0 lets the host choose.
    public func reserveGpuVirtualAddress(
        size: UInt64, base: UInt64 = 0, minimum: UInt64 = 0, maximum: UInt64 = 0,
        type: GpuVirtualAddressReservationType = .noAccess, pagingQueue: D3DKMTHandle? = nil
    ) throws(GuestError) -> UInt64 {
        var request = MessageBuilder<ReserveGpuVirtualAddress.Request>()
        request.adapter = pagingQueue ?? adapter.handle
        request.baseAddress = base
        request.minimumAddress = minimum
        request.maximumAddress = maximum
        request.size = size
        request.reservationType = type.rawValue
        return try call(request) { $0.virtualAddress }
    }

    /// D3DKMTMapGpuVirtualAddress. Offset and size count pages of 4 KiB; base 0 lets the host choose.
    public func mapGpuVirtualAddress(
        pagingQueue: D3DKMTHandle, allocation: D3DKMTHandle, sizeInPages: UInt64, offsetInPages: UInt64 = 0,
        base: UInt64 = 0, minimum: UInt64 = 0, maximum: UInt64 = 0, protection: GPUProtection = .write,
        driverProtection: UInt64 = 0
    ) throws(GuestError) -> (address: UInt64, paging: PagingResult) {
        var request = MessageBuilder<MapGpuVirtualAddress.Request>()
        request.pagingQueue = pagingQueue
        request.baseAddress = base
        request.minimumAddress = minimum
        request.maximumAddress = maximum
        request.allocation = allocation
        request.offsetInPages = offsetInPages
        request.sizeInPages = sizeInPages
        request.protectionValue = protection.rawValue
        request.driverProtection = driverProtection
        return try call(request) { reply in
            let status = try GuestMachine.check(reply.status, MapGpuVirtualAddress.Request.self)
            return (reply.virtualAddress, PagingResult(status: status, fenceValue: reply.pagingFenceValue))
        }
    }

    /// D3DKMTFreeGpuVirtualAddress.
    public func freeGpuVirtualAddress(_ base: UInt64, size: UInt64) throws(GuestError) {
        var request = MessageBuilder<FreeGpuVirtualAddress.Request>()
        request.adapter = adapter.handle
        request.baseAddress = base
        request.size = size
        try callForStatus(request)
    }

    /// D3DKMTUpdateGpuVirtualAddress: operations on reserved ranges, applied when the fence reaches the value; then the
    /// fence is signalled to the next value.
    public func updateGpuVirtualAddress(
        device: D3DKMTHandle, context: D3DKMTHandle, fence: D3DKMTHandle, fenceValue: UInt64,
        operations: [MessageBuilder<UpdateGpuVirtualAddressOperation>], doesNotWait: Bool = false
    ) throws(GuestError) {
        var request = MessageBuilder<UpdateGpuVirtualAddress.Request>(extraBytes: operations.count * 64)
        request.device = device
        request.context = context
        request.fenceObject = fence
        request.fenceValue = fenceValue
        request.flags = doesNotWait ? 1 : 0
        request.appendOperations(operations)
        try callForStatus(request)
    }
}

/// What the GPU may do with a range of its addresses (docs/protocol/semantics.md 11.1). Reading is always allowed.
public struct GPUProtection: OptionSet, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The GPU may write.
    public static let write = GPUProtection(rawValue: 1 << 0)

    /// The GPU may execute.
    public static let execute = GPUProtection(rawValue: 1 << 1)
    /// Reads give zero, writes are dropped.
    public static let zero = GPUProtection(rawValue: 1 << 2)

    /// Every access is a page fault.
    public static let noAccess = GPUProtection(rawValue: 1 << 3)

    /// Not for user mode.
    public static let systemUseOnly = GPUProtection(rawValue: 1 << 4)
}
