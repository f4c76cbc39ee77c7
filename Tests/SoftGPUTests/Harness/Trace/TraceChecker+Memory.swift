import DXGProtocol

@testable import SoftGPU

/// Allocations, who has them resident, and whose budget they count against.
extension TraceChecker {
    // MARK: Lives

    func createAllocation(_ exchange: Exchange) {
        guard let bytes = exchange.reply, let reply = exchange.answer(CreateAllocation.Reply.self) else { return }
        exchange.read(CreateAllocation.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            let isExisting = request.flagsExistingSysmem
            var resource: ResourceRecord?
            if request.flagsCreateResource {
                resource = ResourceRecord(device: device, content: ResourceContentRecord())
                give(reply.resource, to: device.process, .resource(resource!))
            } else if request.resource != .none {
                resource = self.resource(request.resource, exchange)
            }
            var blobs = request.privateDriverData
            for index in 0..<Int(request.allocCount) {
                let info = bytes.dropFirst(16 + 72 * index)
                guard let view = try? MessageView<AllocationInfoReturn>(Array(info).wireBytes) else { return }
                var group = 1
                if !request.flagsStandardAllocation, let blob = blobs.next(), !isExisting {
                    group = Int(Array(wireBytes: blob).number(at: 32) as UInt32)
                }
                let memory = MemoryRecord(
                    guest: exchange.guest, adapter: device.adapter, size: view.allocationSize, group: group,
                    isExisting: isExisting)
                exchange.guest.memories[ObjectIdentifier(memory)] = memory
                let allocation = open(memory, as: view.allocation, on: device, isOwner: true, resource)
                resource?.content.add(memory)
                if request.makeResident { addResidency(allocation) }
            }
        }
    }

    private func open(
        _ memory: MemoryRecord, as handle: D3DKMTHandle, on device: DeviceRecord, isOwner: Bool,
        _ resource: ResourceRecord?
    ) -> AllocationRecord {
        let allocation = AllocationRecord(handle: handle, device: device, memory: memory, isOwner: isOwner)
        allocation.resource = resource
        memory.content = resource?.content
        memory.opens.append(allocation)
        resource?.add(allocation)
        give(handle, to: device.process, .allocation(allocation))
        return allocation
    }

    func openResource(_ exchange: Exchange) {
        exchange.read(OpenResource.Request.self) { request in
            guard let bytes = exchange.reply, let reply = exchange.answer(OpenResource.Reply.self),
                reply.status.isSuccess
            else {
                // Some of what was offered may have been taken back for it.
                if case .resource(let content)? = exchange.guest.names[request.globalShare] {
                    for memory in content.memories where memory.isOffered { memory.isUncertain = true }
                }
                return
            }
            guard let device = device(request.device, exchange) else { return }
            guard case .resource(let content)? = exchange.guest.names[request.globalShare] else {
                return find(.handles, "\(exchange.guest.id) opened \(request.globalShare), which it was not given")
            }
            let resource = ResourceRecord(device: device, content: content)
            give(reply.resource, to: device.process, .resource(resource))
            for (index, memory) in content.memories.enumerated() {
                let handle = D3DKMTHandle(rawValue: bytes.number(at: 8 + 4 * index))
                _ = open(memory, as: handle, on: device, isOwner: false, resource)
                memory.isOffered = false
                changed(memory)
            }
        }
    }

    func destroyAllocation(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(DestroyAllocation.Request.self) { request in
            let isNow = request.flagsAssumeNotInUse || request.flagsSynchronousDestroy
            var doomed = request.allocations.array().compactMap { allocation($0, exchange) }
            if request.allocations.count == 0, let resource = resource(request.resource, exchange) {
                doomed = resource.allocations
                resource.device.process.objects[request.resource] = nil
            }
            for allocation in doomed {
                allocation.device.process.objects[allocation.handle] = nil
                destroy(allocation, behindWork: !isNow && !allocation.memory.isExisting)
            }
        }
    }

    /// A handle to memory goes, and what it had resident.
    func destroy(_ allocation: AllocationRecord, behindWork: Bool = false) {
        guard !allocation.isDestroyed else { return }
        let memory = allocation.memory
        if behindWork, memory.isVisible { linger(memory, behind: allocation.device) }
        allocation.isDestroyed = true
        allocation.residency = 0
        memory.opens.removeAll { $0 === allocation }
        if memory.isExisting, allocation.isOwner { memory.isDetached = true }
        considerOffer(of: memory)
        changed(memory)
    }

    // MARK: Residency

    func makeResident(_ exchange: Exchange) {
        guard let reply = exchange.answer(MakeResident.Reply.self), reply.status.isSuccess else { return }
        exchange.read(MakeResident.Request.self) { request in
            guard let queue = pagingQueue(request.pagingQueue, exchange) else { return }
            let list = request.allocations.array().compactMap { allocation($0, exchange) }
            let arriving = list.map(\.memory).filter { !$0.isVisible && !$0.mayStandReady }
            promise(reply.status, reply.pagingFenceValue, by: queue, for: arriving)
            for allocation in list {
                allocation.memory.mayStandReady = false
                addResidency(allocation)
            }
        }
    }

    private func addResidency(_ allocation: AllocationRecord) {
        allocation.residency += 1
        changed(allocation.memory)
    }

    /// A reply says that something will be done when a paging queue's fence has a value.
    func promise(_ status: NTStatus, _ value: UInt64, by queue: PagingRecord, for arriving: [MemoryRecord]) {
        guard status == .pending else { return }
        queue.fence.fence.promised.insert(value)
        for memory in arriving {
            memory.arrivals.append((queue.fence.fence, value))
            queue.fence.fence.arriving.append(memory)
        }
    }

    func evict(_ exchange: Exchange) {
        guard let reply = exchange.reply, !reply.isEmpty else { return }
        exchange.read(Evict.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            for handle in request.allocations.array() {
                guard let allocation = allocation(handle, exchange), allocation.residency > 0 else { continue }
                let memory = allocation.memory
                let wasVisible = memory.isVisible
                allocation.residency -= 1
                if memory.residency == 0 {
                    memory.arrivals.removeAll()
                    memory.mayStandReady = request.flagsEvictOnlyIfNecessary
                }
                if wasVisible, !memory.isVisible { linger(memory, behind: device) }
                changed(memory)
            }
        }
    }

    /// Work that is queued may still see memory that goes.
    private func linger(_ memory: MemoryRecord, behind device: DeviceRecord) {
        let ends = device.process.queues.filter { $0.device === device && !$0.packets.isEmpty }
        let running = jobs.filter { $0.value.queue.device === device && workers.running[$0.key] != nil }.map(\.key)
        guard !ends.isEmpty || !running.isEmpty else { return }
        memory.lingering.append(
            MemoryRecord.Lingering(process: device.process, ends: ends.map { ($0, $0.end) }, jobs: running))
        lingering.append(memory)
    }

    // MARK: Offers

    private func listed(_ handles: [D3DKMTHandle], areResources: Bool, _ exchange: Exchange) -> [[AllocationRecord]] {
        handles.map { handle in
            areResources
                ? resource(handle, exchange)?.allocations ?? [] : allocation(handle, exchange).map { [$0] } ?? []
        }
    }

    func offer(_ exchange: Exchange) {
        guard exchange.isCarriedOut else { return }
        exchange.read(OfferAllocations.Request.self) { request in
            guard let device = device(request.device, exchange) else { return }
            let lists = listed(request.allocations.array(), areResources: request.resources, exchange)
            for allocation in lists.joined() where !allocation.isOffered {
                let memory = allocation.memory
                let wasVisible = memory.isVisible
                allocation.isOffered = true
                considerOffer(of: memory)
                if wasVisible, memory.isOffered, !request.flagsOfferImmediately { linger(memory, behind: device) }
                changed(memory)
            }
        }
    }

    /// Memory is offered once everyone offers it who has it.
    private func considerOffer(of memory: MemoryRecord) {
        guard !memory.isOffered, !memory.isExisting, !memory.opens.isEmpty,
            memory.opens.allSatisfy(\.isOffered)
        else { return }
        // Somebody who does not offer it has it for as long as his work lasts.
        if !memory.lingering.isEmpty { memory.isUncertain = true }
        memory.isOffered = true
    }

    func reclaim(_ exchange: Exchange) {
        guard let bytes = exchange.reply, let reply = exchange.answer(ReclaimAllocations.Reply.self),
            reply.status.isSuccess
        else { return }
        exchange.read(ReclaimAllocations.Request.self) { request in
            guard device(request.device, exchange) != nil, let queue = pagingQueue(request.pagingQueue, exchange)
            else { return }
            let lists = listed(request.allocations.array(), areResources: request.resources, exchange)
            var arriving: [MemoryRecord] = []
            for (index, list) in lists.enumerated() {
                let result: UInt32? = request.writeResults ? bytes.number(at: 12 + 4 * index) : nil
                for allocation in list where allocation.isOffered {
                    let memory = allocation.memory
                    if result == ReclaimResult.notCommitted.rawValue {
                        if list.count > 1 { memory.isUncertain = true }
                        continue
                    }
                    if result == nil, memory.base == nil { memory.isUncertain = true }
                    allocation.isOffered = false
                    memory.isOffered = false
                    if memory.residency > 0 { arriving.append(memory) }
                    changed(memory)
                }
            }
            promise(reply.status, reply.pagingFenceValue, by: queue, for: arriving)
        }
    }

    func updateProperty(_ exchange: Exchange) {
        guard let reply = exchange.answer(UpdateAllocationProperty.Reply.self), reply.status.isSuccess else { return }
        exchange.read(UpdateAllocationProperty.Request.self) { request in
            guard let queue = pagingQueue(request.pagingQueue, exchange),
                let allocation = allocation(request.allocation, exchange)
            else { return }
            // Where it goes is the host's choice.
            allocation.memory.hasMoved = true
            promise(reply.status, reply.pagingFenceValue, by: queue, for: [])
        }
    }

    // MARK: Budgets

    private func changed(_ memory: MemoryRecord) {
        memory.settlePayer()
        step.memories.append(memory)
    }

    /// What a guest is told of a process's memory must be what its commands and those of all others come to
    /// (docs/protocol/semantics.md 12, QUERYVIDEOMEMORYINFO).
    func queryVideoMemory(_ exchange: Exchange) {
        guard let reply = exchange.answer(QueryVideoMemoryInfo.Reply.self), let adapter = exchange.adapter else {
            return
        }
        guard let process = exchange.process else {
            return find(.handles, "the memory of \(exchange.processHandle) is told, which is no process")
        }
        exchange.read(QueryVideoMemoryInfo.Request.self) { request in
            let group = Int(request.memorySegmentGroup)
            let physical = exchange.guest.options.adapters[adapter].physicalAdapter
            var used: [UInt64] = []
            var claimed: [UInt64] = []
            for guest in guests.values {
                for (index, options) in guest.options.adapters.enumerated() where options.physicalAdapter == physical {
                    for process in guest.processes.values {
                        guard let bytes = process.residentBytes(on: index, group) else { return }
                        used.append(bytes)
                        claimed.append(max(bytes, process.reservations[[index, group]] ?? 0))
                    }
                }
            }
            guard let own = process.residentBytes(on: adapter, group) else { return }
            let reservation = process.reservations[[adapter, group]] ?? 0
            let others = claimed.reduce(0, +) - max(own, reservation)
            let profile = options.adapters[physical]
            let size = group == 0 ? profile.localMemory : profile.nonLocalMemory
            let left = size > others ? size - others : 0
            let budget = max(left > size / 20 ? left - size / 20 : 0, reservation)
            if reply.currentReservation != reservation {
                find(
                    .budget,
                    "process \(process.handle) is told that it reserved \(reply.currentReservation), not \(reservation)"
                )
            }
            if reply.currentUsage != own {
                find(.budget, "process \(process.handle) is told that it uses \(reply.currentUsage), not \(own)")
            }
            if reply.budget != budget {
                find(.budget, "process \(process.handle) is told a budget of \(reply.budget), not \(budget)")
            }
            let sum = used.reduce(0, +)
            if sum > size { find(.budget, "\(sum) bytes are resident in \(size)") }
        }
    }

    func changeReservation(_ exchange: Exchange) {
        guard exchange.isCarriedOut, let adapter = exchange.adapter else { return }
        exchange.read(ChangeVideoMemoryReservation.Request.self) { request in
            let place = [adapter, Int(request.memorySegmentGroup)]
            exchange.process?.reservations[place] = request.reservation
        }
    }
}
