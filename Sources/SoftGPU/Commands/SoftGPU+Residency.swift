import DXGProtocol

/// Paging queues, residency and budgets (docs/protocol/semantics.md 9 and 12).
extension SoftGPU {
    func createPagingQueue(_ request: MessageView<CreatePagingQueue.Request>, _ call: Call) throws(Refusal) -> [UInt8]?
    {
        let device = try call.activeDevice(request.device)
        let priority = request.priority
        guard (-1...1).contains(priority) else { throw .invalid("paging queue priority \(priority)") }
        guard request.physicalAdapterIndex == 0 else {
            throw .invalid("physical adapter \(request.physicalAdapterIndex)")
        }
        let fence = try makeFence(on: device, role: .pagingFence)
        let queue = PagingQueue(device: device, priority: priority, fence: fence)
        do throws(Refusal) {
            queue.handle = try device.process.enter(.pagingQueue(queue))
        } catch {
            close(fence)
            throw error
        }
        device.pagingQueues[queue.handle] = queue
        var reply = MessageBuilder<CreatePagingQueue.Reply>()
        reply.pagingQueue = queue.handle
        reply.syncObject = fence.handle
        reply.fenceStoragePhysicalAddress = guestAddress(of: fence)
        return reply.bytes
    }

    func destroyPagingQueue(_ request: MessageView<DestroyPagingQueue.Request>, _ call: Call) throws(Refusal)
        -> [UInt8]?
    {
        destroy(try call.pagingQueue(request.pagingQueue))
        return []
    }

    func destroy(_ queue: PagingQueue) {
        finishPaging(of: queue)
        queue.device.pagingQueues[queue.handle] = nil
        queue.device.process.leave(queue.handle)
        close(queue.fence)
    }

    // MARK: Residency

    func makeResident(_ request: MessageView<MakeResident.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let queue = try call.pagingQueue(request.pagingQueue)
        let device = queue.device
        guard device.isActive else { throw .lost(device) }
        try checkPaging(on: queue)
        guard !request.flagsMustSucceed || request.flagsCantTrimFurther else {
            throw .invalid("MustSucceed without CantTrimFurther")
        }
        let handles = request.allocations
        guard handles.count > 0, handles.count <= Self.maximumListLength else {
            throw .invalid("\(handles.count) allocations")
        }
        var allocations: [Allocation] = []
        allocations.reserveCapacity(handles.count)
        for index in handles.indices {
            let allocation = try call.allocation(handles[index], on: device)
            guard allocation.offer == nil, allocation.memory.offer == nil else {
                throw .invalid("allocation \(handles[index]) is offered")
            }
            try allocation.requirePages()
            allocations.append(allocation)
        }
        var reply = MessageBuilder<MakeResident.Reply>()
        reply.pagingFenceValue = queue.completed
        let excess = excessBytes(of: allocations, process: device.process, isLast: request.flagsCantTrimFurther)
        guard excess == 0 else {
            if request.flagsMustSucceed {
                lose(device, .errorOutOfMemory)
                throw .lost(device)
            }
            report(.info, device.process, "MakeResident", .noMemory, "\(excess) bytes over the budget")
            reply.numBytesToTrim = excess
            reply.status = .noMemory
            return reply.bytes
        }
        // What an eviction left in place takes no paging.
        let standing = allocations.map(\.memory).filter { $0.evictableSince != nil }
        let arriving = allocations.map(\.memory).filter {
            $0.evictableSince == nil && (!$0.isVisible || $0.isArriving)
        }
        for memory in arriving { memory.isArriving = true }
        for allocation in allocations { addResidency(allocation) }
        for memory in standing { refreshMappings(of: memory) }
        guard !arriving.isEmpty else { return reply.bytes }
        (reply.status, reply.pagingFenceValue) = perform(.arrive(arriving), on: queue)
        return reply.bytes
    }

    func evict(_ request: MessageView<Evict.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.device(request.device)
        let handles = request.allocations
        guard handles.count <= Self.maximumListLength else { throw .invalid("\(handles.count) allocations") }
        var allocations: [Allocation] = []
        for index in handles.indices { allocations.append(try call.allocation(handles[index], on: device)) }
        evict(allocations, of: device, isLazy: request.flagsEvictOnlyIfNecessary)
        var reply = MessageBuilder<Evict.Reply>()
        for group in [SegmentGroup.local, .nonLocal] {
            let used = device.process.residentBytes[device.adapter.index][group.rawValue]
            let budget = budget(of: device.process, on: device.adapter, group)
            if used > budget { reply.numBytesToTrim &+= used - budget }
        }
        return reply.bytes
    }

    /// The counts go at once; what leaves memory by that is seen by the work that is queued already. With `isLazy` the
    /// content stays in its segment until others need the room.
    private func evict(_ allocations: [Allocation], of device: Device, isLazy: Bool) {
        var leaving: [Allocation] = []
        for allocation in allocations where allocation.residencyCount > 0 {
            let memory = allocation.memory
            let wasVisible = memory.isVisible
            removeResidency(allocation)
            if !memory.isResident { vacate(memory, isLazy: isLazy) }
            if wasVisible, !memory.isVisible { leaving.append(allocation) }
        }
        withdraw(leaving.filter { !$0.mappedStarts.isEmpty || $0.memory.opens.count > 1 }, of: device)
    }

    /// The last residency of memory has gone.
    private func vacate(_ memory: AllocationMemory, isLazy: Bool) {
        let wasThere = !memory.isArriving
        memory.isArriving = false
        guard wasThere, memory.offer == nil else { return }
        if isLazy { leaveInPlace(memory) } else { countEviction(of: memory) }
    }

    /// Counts that the guest's driver allows in one list (docs/protocol/semantics.md 1.5).
    static let maximumListLength = 10_240

    // MARK: Budgets

    /// What a process may have resident in a segment group: all that others do not use or have not reserved, less 5 %,
    /// and never less than it has reserved itself (docs/protocol/semantics.md 12, QUERYVIDEOMEMORYINFO).
    func budget(of process: GuestProcess, on adapter: VirtualAdapter, _ group: SegmentGroup) -> UInt64 {
        let size = adapter.physical.size(of: group)
        let others = adapter.physical.claimedBytes[group.rawValue] - process.claimedBytes(on: adapter, group)
        let left = size > others ? size - others : 0
        let margin = size / 20
        return max(left > margin ? left - margin : 0, process.reservedBytes[adapter.index][group.rawValue])
    }

    /// How far the allocations would take the process over its budget, or with `isLast` over what there is at all.
    func excessBytes(of allocations: [Allocation], process: GuestProcess, isLast: Bool) -> UInt64 {
        var added: [UInt64] = [0, 0]
        var seen: Set<ObjectIdentifier> = []
        for allocation in allocations
        where !allocation.memory.isResident && seen.insert(ObjectIdentifier(allocation.memory)).inserted {
            added[allocation.memory.group.rawValue] += allocation.memory.size
        }
        guard let adapter = allocations.first?.device.adapter else { return 0 }
        var excess: UInt64 = 0
        for group in [SegmentGroup.local, .nonLocal] where added[group.rawValue] > 0 {
            let limit: UInt64
            let used: UInt64
            if isLast {
                limit = adapter.physical.size(of: group)
                used = adapter.physical.residentBytes[group.rawValue]
            } else {
                limit = budget(of: process, on: adapter, group)
                used = process.residentBytes[adapter.index][group.rawValue]
            }
            let wanted = used + added[group.rawValue]
            if wanted > limit { excess += wanted - limit }
        }
        return excess
    }

    func queryVideoMemoryInfo(
        _ request: MessageView<QueryVideoMemoryInfo.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let process = try call.requireProcess()
        guard let group = SegmentGroup(rawValue: Int(request.memorySegmentGroup)) else {
            throw .invalid("memory segment group \(request.memorySegmentGroup)")
        }
        guard request.physicalAdapterIndex == 0 else {
            throw .invalid("physical adapter \(request.physicalAdapterIndex)")
        }
        let adapter = call.target
        let budget = budget(of: process, on: adapter, group)
        var reply = MessageBuilder<QueryVideoMemoryInfo.Reply>()
        reply.budget = budget
        reply.currentUsage = process.residentBytes[adapter.index][group.rawValue]
        reply.currentReservation = process.reservedBytes[adapter.index][group.rawValue]
        reply.availableForReservation = budget / 2
        return reply.bytes
    }
}
