public import DXGProtocol

extension GuestProcess {
    /// D3DKMTCreatePagingQueue.
    public func createPagingQueue(
        device: D3DKMTHandle, priority: PagingQueuePriority = .normal
    ) throws(GuestError) -> PagingQueue {
        var request = MessageBuilder<CreatePagingQueue.Request>()
        request.device = device
        request.priority = priority.rawValue
        return try call(request) { reply in
            PagingQueue(
                handle: try GuestMachine.check(reply.pagingQueue, CreatePagingQueue.Request.self),
                fence: reply.syncObject, fenceAddress: reply.fenceStoragePhysicalAddress)
        }
    }

    /// D3DKMTDestroyPagingQueue.
    public func destroyPagingQueue(_ queue: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<DestroyPagingQueue.Request>()
        request.pagingQueue = queue
        try call(request) { _ in }
    }

    /// D3DKMTMakeResident.
    public func makeResident(
        pagingQueue: D3DKMTHandle, allocations: [D3DKMTHandle], cantTrimFurther: Bool = false, mustSucceed: Bool = false
    ) throws(GuestError) -> MakeResidentResult {
        var request = MessageBuilder<MakeResident.Request>()
        request.pagingQueue = pagingQueue
        request.flagsCantTrimFurther = cantTrimFurther
        request.flagsMustSucceed = mustSucceed
        request.appendAllocations(allocations)
        return try call(request) { reply in
            let status = try GuestMachine.check(reply.status, MakeResident.Request.self)
            return MakeResidentResult(
                paging: PagingResult(status: status, fenceValue: reply.pagingFenceValue),
                bytesToTrim: reply.numBytesToTrim)
        }
    }

    /// D3DKMTEvict. Gives the bytes that the process is still over its budget.
    @discardableResult
    public func evict(
        device: D3DKMTHandle, allocations: [D3DKMTHandle], onlyIfNecessary: Bool = false
    ) throws(GuestError) -> UInt64 {
        var request = MessageBuilder<Evict.Request>()
        request.device = device
        request.flagsEvictOnlyIfNecessary = onlyIfNecessary
        request.appendAllocations(allocations)
        return try call(request) { $0.numBytesToTrim }
    }

    /// D3DKMTQueryVideoMemoryInfo.
    public func queryVideoMemoryInfo(_ group: MemorySegmentGroup = .local) throws(GuestError) -> VideoMemoryInfo {
        var request = MessageBuilder<QueryVideoMemoryInfo.Request>()
        request.adapter = adapter.handle
        request.memorySegmentGroup = group.rawValue
        return try call(request) { reply in
            VideoMemoryInfo(
                budget: reply.budget, currentUsage: reply.currentUsage, currentReservation: reply.currentReservation,
                availableForReservation: reply.availableForReservation)
        }
    }

    /// D3DKMTChangeVideoMemoryReservation.
    public func changeVideoMemoryReservation(
        _ reservation: UInt64, group: MemorySegmentGroup = .local
    ) throws(GuestError) {
        var request = MessageBuilder<ChangeVideoMemoryReservation.Request>()
        request.memorySegmentGroup = group.rawValue
        request.reservation = reservation
        try callForStatus(request)
    }

    /// D3DKMTQueryAllocationResidency: raw values, see `AllocationResidencyStatus`; one for a resource.
    public func queryAllocationResidency(
        device: D3DKMTHandle, resource: D3DKMTHandle = .none, allocations: [D3DKMTHandle] = []
    ) throws(GuestError) -> [UInt32] {
        var request = MessageBuilder<QueryAllocationResidency.Request>()
        request.device = device
        request.resource = resource
        request.appendAllocations(allocations)
        return try call(request) { reply in
            try GuestMachine.check(reply.status, QueryAllocationResidency.Request.self)
            return try reply.residencyStatus(to: request.view).array()
        }
    }

    /// D3DKMTOfferAllocations, of allocations or of resources.
    public func offerAllocations(
        device: D3DKMTHandle, _ handles: [D3DKMTHandle], areResources: Bool = false,
        priority: OfferPriority = .normal, flags: UInt32 = 0
    ) throws(GuestError) {
        var request = MessageBuilder<OfferAllocations.Request>()
        request.device = device
        request.priority = priority.rawValue
        request.flagsValue = flags
        request.resources = areResources
        request.appendAllocations(handles)
        try callForStatus(request)
    }

    /// D3DKMTReclaimAllocations2. The results are raw values, one for each handle, see `ReclaimResult`.
    public func reclaimAllocations2(
        device: D3DKMTHandle, pagingQueue: D3DKMTHandle, _ handles: [D3DKMTHandle], areResources: Bool = false
    ) throws(GuestError) -> (paging: PagingResult, results: [UInt32]) {
        var request = MessageBuilder<ReclaimAllocations.Request>()
        request.device = device
        request.pagingQueue = pagingQueue
        request.resources = areResources
        request.writeResults = true
        request.appendAllocations(handles)
        return try call(request) { reply in
            let status = try GuestMachine.check(reply.status, ReclaimAllocations.Request.self)
            let results = try reply.discarded(to: request.view).array()
            return (PagingResult(status: status, fenceValue: reply.pagingFenceValue), results)
        }
    }
}

/// A paging queue and its fence.
public struct PagingQueue: Hashable, Sendable {
    /// The queue.
    public let handle: D3DKMTHandle

    /// Its fence, to wait for.
    public let fence: D3DKMTHandle

    /// The guest physical address of the fence's value.
    public let fenceAddress: UInt64
}

/// How far a paging operation is: done, or pending until the queue's fence reaches the value.
public struct PagingResult: Hashable, Sendable {
    /// `success` or `pending`.
    public let status: NTStatus

    /// What to wait for if the operation is pending.
    public let fenceValue: UInt64

    /// Whether the operation goes on.
    public var isPending: Bool { status == .pending }
}

/// What MakeResident has done.
public struct MakeResidentResult: Hashable, Sendable {
    /// How far the operation is.
    public let paging: PagingResult

    /// How much the process should give up.
    public let bytesToTrim: UInt64
}

/// What a process may use of a memory segment group and what it uses, in bytes.
public struct VideoMemoryInfo: Hashable, Sendable {
    /// What it may use.
    public let budget: UInt64

    /// What is resident.
    public let currentUsage: UInt64

    /// What it has reserved.
    public let currentReservation: UInt64

    /// What it may reserve.
    public let availableForReservation: UInt64
}
