public import DXGProtocol
internal import VMBus

extension GuestProcess {
    /// D3DKMTCreateAllocation2: allocations of a device, alone or in a resource.
    ///
    /// For allocations over existing memory the host is told the pages at once, by page lists or by a GPADL as its
    /// capabilities say. If that fails, all of them are destroyed again.
    public func createAllocation2(
        device: D3DKMTHandle, _ allocations: [AllocationRequest], flags: AllocationFlags = [],
        resource: D3DKMTHandle = .none, runtimeData: [UInt8] = [], resourceData: [UInt8] = []
    ) throws(GuestError) -> CreatedAllocations {
        var flags = flags
        if allocations.first?.existingPages != nil { flags.insert(.existingSystemMemory) }
        var request = MessageBuilder<CreateAllocation.Request>()
        request.device = device
        request.resource = resource
        request.flagsValue = flags.rawValue
        request.appendAllocInfo(
            allocations.map { allocation in
                var info = MessageBuilder<AllocationInfo>()
                info.flags = allocation.flags
                info.privDrvDataSize = UInt32(allocation.privateDriverData.count)
                return info
            })
        request.appendPrivateRuntimeData(runtimeData)
        request.appendResourcePrivateDriverData(resourceData)
        request.appendPrivateDriverData(allocations.map(\.privateDriverData))
        let created = try call(request) { reply in
            let infos = try reply.allocationInfo(to: request.view)
            var chunks = try reply.privateDriverData(to: request.view)
            var created: [CreatedAllocation] = []
            for index in infos.indices {
                let info = infos[index]
                var data: [UInt8] = []
                if let chunk = chunks.next() { data = [UInt8](copying: chunk) }
                created.append(
                    CreatedAllocation(
                        handle: try GuestMachine.check(info.allocation, CreateAllocation.Request.self),
                        size: info.allocationSize, isCached: info.allocationFlagsCached,
                        isExistingMemory: info.allocationFlagsExistingSysmem, privateDriverData: data))
            }
            return CreatedAllocations(resource: reply.resource, globalShare: reply.globalShare, allocations: created)
        }
        try describePages(of: allocations, as: created, device: device, resource: resource)
        return created
    }

    private func describePages(
        of requests: [AllocationRequest], as created: CreatedAllocations, device: D3DKMTHandle, resource: D3DKMTHandle
    ) throws(GuestError) {
        do throws(GuestError) {
            for (request, allocation) in zip(requests, created.allocations) {
                guard let pages = request.existingPages else { continue }
                if machine.hostCapabilities.contains(.mapGuestMemory) {
                    try setExistingSysMemPages(device: device, allocation: allocation.handle, pages: pages)
                } else {
                    try setExistingSysMemStore(
                        device: device, resource: created.resource, allocation: allocation.handle, pages: pages)
                }
            }
        } catch {
            // As the Linux driver cleans up (docs/protocol/findings.md D5).
            try? destroyAllocation2(
                device: device, resource: resource, allocations: created.allocations.map(\.handle),
                assumesNotInUse: true)
            throw error
        }
    }

    /// The most page numbers in one message.
    private static let pagesPerMessage = 15_867

    private func setExistingSysMemPages(
        device: D3DKMTHandle, allocation: D3DKMTHandle, pages: [UInt64]
    ) throws(GuestError) {
        var done = 0
        while done < pages.count {
            let count = min(pages.count - done, Self.pagesPerMessage)
            var request = MessageBuilder<SetExistingSysMemPages.Request>()
            request.device = device
            request.allocation = allocation
            request.allocOffsetInPages = UInt32(done)
            request.appendPageFrameNumbers(Array(pages[done..<done + count]))
            try callForStatus(request)
            done += count
        }
    }

    private func setExistingSysMemStore(
        device: D3DKMTHandle, resource: D3DKMTHandle, allocation: D3DKMTHandle, pages: [UInt64]
    ) throws(GuestError) {
        let gpadl = try machine.createGPADL(pages: pages)
        machine.remember(
            BackingGPADL(process: handle, device: device, resource: resource, allocation: allocation, gpadl: gpadl))
        var request = MessageBuilder<SetExistingSysMemStore.Request>()
        request.device = device
        request.allocation = allocation
        request.gpadl = gpadl
        try callForStatus(request)
    }

    /// D3DKMTDestroyAllocation2: a list, or a resource with all its allocations.
    public func destroyAllocation2(
        device: D3DKMTHandle, resource: D3DKMTHandle = .none, allocations: [D3DKMTHandle] = [],
        assumesNotInUse: Bool = false, isSynchronous: Bool = false
    ) throws(GuestError) {
        var request = MessageBuilder<DestroyAllocation.Request>()
        request.device = device
        request.resource = resource
        request.flagsAssumeNotInUse = assumesNotInUse
        request.flagsSynchronousDestroy = isSynchronous
        request.appendAllocations(allocations)
        try callForStatus(request)
        machine.tearDownGPADLs { backing in
            backing.process == handle
                && (allocations.isEmpty ? backing.resource == resource : allocations.contains(backing.allocation))
        }
    }

    /// D3DKMTLock2: the allocation's memory, which has `count` bytes, in the IO space.
    public func lock2(
        device: D3DKMTHandle, allocation: D3DKMTHandle, count: UInt64
    ) throws(GuestError) -> LockedMemory {
        var request = MessageBuilder<Lock2.Request>()
        request.device = device
        request.allocation = allocation
        let address = try call(request) { reply in
            try GuestMachine.check(reply.status, Lock2.Request.self)
            return reply.cpuVisibleBufferOffset
        }
        guard machine.ioSpace.contains(address, count: count) else {
            throw .unexpected("Lock2 gives 0x\(String(address, radix: 16)), not an address in the IO space")
        }
        return LockedMemory(ioSpace: machine.ioSpace, address: address, count: count)
    }

    /// D3DKMTUnlock2.
    public func unlock2(device: D3DKMTHandle, allocation: D3DKMTHandle) throws(GuestError) {
        var request = MessageBuilder<Unlock2.Request>()
        request.device = device
        request.allocation = allocation
        try callForStatus(request)
    }

    /// D3DKMTInvalidateCache.
    public func invalidateCache(
        device: D3DKMTHandle, allocation: D3DKMTHandle, offset: UInt64, length: UInt64
    ) throws(GuestError) {
        var request = MessageBuilder<InvalidateCache.Request>()
        request.device = device
        request.allocation = allocation
        request.offset = offset
        request.length = length
        try callForStatus(request)
    }

    /// D3DKMTSetAllocationPriority: one priority for each allocation, or one for a resource.
    public func setAllocationPriority(
        device: D3DKMTHandle, resource: D3DKMTHandle = .none, allocations: [D3DKMTHandle] = [], priorities: [UInt32]
    ) throws(GuestError) {
        var request = MessageBuilder<SetAllocationPriority.Request>()
        request.device = device
        request.resource = resource
        request.appendAllocations(allocations)
        request.appendPriorities(priorities)
        try callForStatus(request)
    }

    /// D3DKMTGetAllocationPriority.
    public func getAllocationPriority(
        device: D3DKMTHandle, resource: D3DKMTHandle = .none, allocations: [D3DKMTHandle] = []
    ) throws(GuestError) -> [UInt32] {
        var request = MessageBuilder<GetAllocationPriority.Request>()
        request.device = device
        request.resource = resource
        request.appendAllocations(allocations)
        return try call(request) { reply in
            try GuestMachine.check(reply.status, GetAllocationPriority.Request.self)
            return try reply.priorities(to: request.view).array()
        }
    }

    /// D3DKMTUpdateAllocationProperty; `fill` sets the properties.
    public func updateAllocationProperty(
        pagingQueue: D3DKMTHandle, allocation: D3DKMTHandle,
        _ fill: (inout MessageBuilder<UpdateAllocationProperty.Request>) -> Void
    ) throws(GuestError) -> PagingResult {
        var request = MessageBuilder<UpdateAllocationProperty.Request>()
        request.pagingQueue = pagingQueue
        request.allocation = allocation
        fill(&request)
        return try call(request) { reply in
            let status = try GuestMachine.check(reply.status, UpdateAllocationProperty.Request.self)
            return PagingResult(status: status, fenceValue: reply.pagingFenceValue)
        }
    }

    /// The private data of a standard allocation, as the Linux driver asks for it: sizes first, then the data.
    public func standardAllocationData(bytes: UInt32) throws(GuestError) -> (allocation: [UInt8], resource: [UInt8]) {
        var request = MessageBuilder<DdiGetStandardAllocationDriverData.Request>()
        request.allocType = DriverStandardAllocationType.gdiSurface.rawValue
        request.gdiSurfaceWidth = bytes
        request.gdiSurfaceHeight = 1
        request.gdiSurfaceType = GdiSurfaceType.textureCrossAdapter.rawValue
        (request.privDriverDataSize, request.privDriverResourceSize) = try call(request) { reply in
            try GuestMachine.check(reply.status, DdiGetStandardAllocationDriverData.Request.self)
            return (reply.privDriverDataSize, reply.privDriverResourceSize)
        }
        return try call(request) { reply in
            try GuestMachine.check(reply.status, DdiGetStandardAllocationDriverData.Request.self)
            return (
                [UInt8](copying: try reply.allocationPrivateData(to: request.view)),
                [UInt8](copying: try reply.resourcePrivateData(to: request.view))
            )
        }
    }
}
