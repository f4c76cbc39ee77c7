import DXGProtocol

/// What else can be asked and told of allocations (docs/protocol/semantics.md 10.2).
extension SoftGPU {
    /// The allocations that a command names: those listed, or those of a resource.
    private func allocations(
        _ handles: borrowing WireArray<D3DKMTHandle>, resource: D3DKMTHandle, device: D3DKMTHandle, _ call: Call
    ) throws(Refusal) -> [Allocation] {
        let device = try call.device(device)
        guard resource == .none else {
            guard handles.count == 0 else { throw .invalid("a resource and allocations") }
            let allocations = try call.resource(resource, on: device).allocations.elements
            guard !allocations.isEmpty else { throw .invalid("resource \(resource) has no allocations") }
            return allocations
        }
        guard handles.count > 0 else { throw .invalid("neither a resource nor allocations") }
        var allocations: [Allocation] = []
        for index in handles.indices { allocations.append(try call.allocation(handles[index], on: device)) }
        return allocations
    }

    // MARK: Residency

    func queryAllocationResidency(
        _ request: MessageView<QueryAllocationResidency.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let allocations = try allocations(
            request.allocations, resource: request.resource, device: request.device, call)
        var statuses = allocations.map { Self.residency(of: $0.memory).rawValue }
        // Of a resource there is one word: the worst.
        if request.resource != .none { statuses = [statuses.max() ?? 0] }
        var reply = MessageBuilder<QueryAllocationResidency.Reply>()
        reply.appendResidencyStatus(statuses)
        reply.pad(toMultipleOf: 8)
        return reply.bytes
    }

    private static func residency(of memory: AllocationMemory) -> AllocationResidencyStatus {
        guard memory.isInPlace, !memory.isDetached else { return .notResident }
        return memory.group == .local ? .residentInGpuMemory : .residentInSharedMemory
    }

    // MARK: Priority

    func setAllocationPriority(_ request: MessageView<SetAllocationPriority.Request>, _ call: Call) throws(Refusal) {
        let allocations = try allocations(
            request.allocations, resource: request.resource, device: request.device, call)
        let priorities = request.priorities
        for (index, allocation) in allocations.enumerated() {
            allocation.priority = priorities[request.resource == .none ? index : 0]
        }
    }

    func getAllocationPriority(
        _ request: MessageView<GetAllocationPriority.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let allocations = try allocations(
            request.allocations, resource: request.resource, device: request.device, call)
        let priorities = allocations.map(\.priority)
        var reply = MessageBuilder<GetAllocationPriority.Reply>()
        reply.appendPriorities(request.resource == .none ? priorities : Array(priorities.prefix(1)))
        reply.pad(toMultipleOf: 8)
        return reply.bytes
    }

    // MARK: Properties

    func updateAllocationProperty(
        _ request: MessageView<UpdateAllocationProperty.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let queue = try call.pagingQueue(request.pagingQueue)
        guard queue.device.isActive else { throw .lost(queue.device) }
        try checkPaging(on: queue)
        let allocation = try call.allocation(request.allocation, on: queue.device)
        let memory = allocation.memory
        var segments = memory.segments
        if request.setSupportedSegmentSet {
            segments = request.supportedSegmentSet
            guard segments != 0, segments & ~Self.allSegments == 0 else { throw .invalid("segments \(segments)") }
            guard !memory.isExistingSystemMemory || segments & SegmentGroup.nonLocal.segmentBit != 0 else {
                throw .invalid("existing system memory in segments \(segments)")
            }
        }
        var preferred: [SegmentGroup] = []
        if request.setPreferredSegment {
            for segment in [
                request.preferredSegmentSegmentId0, request.preferredSegmentSegmentId1,
                request.preferredSegmentSegmentId2, request.preferredSegmentSegmentId3,
                request.preferredSegmentSegmentId4,
            ] where segment != 0 {
                guard let group = SegmentGroup(rawValue: Int(segment) - 1) else {
                    throw .invalid("segment \(segment)")
                }
                preferred.append(group)
            }
        }
        // Existing system memory is where the guest has it, whatever is preferred.
        if memory.isExistingSystemMemory { preferred = [.nonLocal] }
        let target = (preferred + [memory.group, .local, .nonLocal]).first { segments & $0.segmentBit != 0 }
        if let target { try checkMove(of: memory, to: target) }
        memory.segments = segments
        var reply = MessageBuilder<UpdateAllocationProperty.Reply>()
        (reply.status, reply.pagingFenceValue) = perform(
            target.map { .move(memory, to: $0) } ?? .nothing, on: queue)
        return reply.bytes
    }

    /// Segment 1 is local memory, segment 2 the aperture.
    private static let allSegments = SegmentGroup.local.segmentBit | SegmentGroup.nonLocal.segmentBit

    // MARK: Offers

    /// The allocations of an offer or a reclaim, one list for each handle.
    private func allocations(
        _ handles: borrowing WireArray<D3DKMTHandle>, areResources: Bool, of device: Device, _ call: Call
    ) throws(Refusal) -> [[Allocation]] {
        guard handles.count > 0, handles.count <= Self.maximumListLength else {
            throw .invalid("\(handles.count) allocations")
        }
        var lists: [[Allocation]] = []
        for index in handles.indices {
            lists.append(
                areResources
                    ? try call.resource(handles[index], on: device).allocations.elements
                    : [try call.allocation(handles[index], on: device)])
        }
        return lists
    }

    func offerAllocations(_ request: MessageView<OfferAllocations.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        guard let priority = OfferPriority(rawValue: request.priority) else {
            throw .invalid("offer priority \(request.priority)")
        }
        let lists = try allocations(request.allocations, areResources: request.resources, of: device, call)
        let offered = lists.joined().filter { $0.offer == nil }
        for allocation in offered {
            guard !allocation.isLocked else {
                throw Refusal(.graphicsAllocationBusy, "allocation \(allocation.handle) is locked")
            }
            guard !allocation.memory.isExistingSystemMemory else {
                throw .invalid("allocation \(allocation.handle) is existing system memory")
            }
        }
        var leaving: [Allocation] = []
        for allocation in offered {
            let wasVisible = allocation.memory.isVisible
            allocation.offer = (priority, request.flagsAllowDecommit)
            guard considerOffer(of: allocation.memory) else { continue }
            if wasVisible { leaving.append(allocation) } else { settleOffer(of: allocation.memory) }
        }
        withdraw(leaving, of: device, isNow: request.flagsOfferImmediately)
    }

    func reclaimAllocations(
        _ request: MessageView<ReclaimAllocations.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let device = try call.activeDevice(request.device)
        let queue = try call.pagingQueue(request.pagingQueue)
        try checkPaging(on: queue)
        guard queue.device === device else {
            throw .invalid("paging queue \(request.pagingQueue) is on another device")
        }
        let lists = try allocations(request.allocations, areResources: request.resources, of: device, call)
        var results: [UInt32] = []
        var arriving: [AllocationMemory] = []
        for list in lists {
            var result = ReclaimResult.ok
            for allocation in list where allocation.offer != nil {
                let memory = allocation.memory
                let one = reclaim(allocation)
                if one.rawValue > result.rawValue { result = one }
                guard one != .notCommitted else { continue }
                if memory.isResident { arriving.append(memory) } else { refreshMappings(of: memory) }
            }
            results.append(result.rawValue)
        }
        var reply = MessageBuilder<ReclaimAllocations.Reply>()
        reply.pagingFenceValue = queue.completed
        if !arriving.isEmpty {
            for memory in arriving { memory.isArriving = true }
            (reply.status, reply.pagingFenceValue) = perform(.arrive(arriving), on: queue)
        }
        reply.appendDiscarded(request.writeResults ? results : [0])
        reply.pad(toMultipleOf: 8)
        return reply.bytes
    }
}
