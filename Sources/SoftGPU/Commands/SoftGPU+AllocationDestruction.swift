import DXGProtocol

/// The end of allocations and resources (docs/protocol/semantics.md 10, CMD 5).
extension SoftGPU {
    /// With allocations listed only these die, also where a resource is named (docs/protocol/semantics.md 10, CMD 5).
    func destroyAllocation(_ request: MessageView<DestroyAllocation.Request>, _ call: Call) throws(Refusal) -> [UInt8]?
    {
        let device = try call.device(request.device)
        let handles = request.allocations
        var doomed: [Allocation] = []
        var resource: Resource?
        if handles.count > 0 {
            for index in handles.indices { doomed.append(try call.allocation(handles[index], on: device)) }
            guard Set(doomed.map(\.handle)).count == doomed.count else {
                throw .invalid("an allocation is listed twice")
            }
        } else {
            guard request.resource != .none else { throw .invalid("neither a resource nor allocations") }
            let found = try call.resource(request.resource, on: device)
            doomed = found.allocations.elements
            resource = found
        }
        // The guest takes pages of existing system memory back right after the reply, so no worker may see them then.
        let existing = doomed.filter { $0.isOwner && $0.memory.isExistingSystemMemory }
        let spaces = existing.flatMap(\.memory.spaces)
        // SynchronousDestroy asks for a reply after the release; as no reply may wait for GPU work
        // (docs/protocol/semantics.md 1.5), the release is at once.
        let isNow = request.flagsAssumeNotInUse || request.flagsSynchronousDestroy
        var deferred: [Allocation] = []
        for allocation in doomed {
            if isNow || allocation.memory.isExistingSystemMemory || allocation.mappedStarts.isEmpty {
                destroy(allocation)
            } else {
                retire(allocation)
                deferred.append(allocation)
            }
        }
        if !deferred.isEmpty, !append(.destruction, of: deferred, behindWorkOf: device) {
            for allocation in deferred { finishDestruction(of: allocation) }
        }
        if let resource { forget(resource) }

        return answer(call, whenUnseenBy: spaces)
    }

    /// Ends one handle to an allocation, and its memory with the last one, whatever work is queued.
    func destroy(_ allocation: Allocation) {
        guard !allocation.isDestroyed else { return }
        retire(allocation)
        finishDestruction(of: allocation)
    }

    /// Takes a handle away. Its mappings stay for the work that is queued; their addresses are free.
    private func retire(_ allocation: Allocation) {
        allocation.isDestroyed = true
        let device = allocation.device
        device.process.leave(allocation.handle)
        device.process.shadowed[allocation.handle] = nil
        device.allocations[allocation.handle] = nil
        allocation.resource?.allocations.remove(allocation)
        if let content = allocation.content, !content.isSealed {
            content.memories.remove(allocation.memory)
        }
        if allocation.memory.isVisible {
            allocation.lingers = true
            allocation.memory.lingering += 1
        }
        removeResidency(allocation, count: allocation.residencyCount)
        device.process.spaces[device.adapter.index]?.giveUpRanges(of: allocation)
    }

    /// Takes the mappings of a retired allocation away, and its memory where nobody else has it.
    func finishDestruction(of allocation: Allocation) {
        let device = allocation.device
        let memory = allocation.memory
        device.process.spaces[device.adapter.index]?.remove(allocation)
        memory.opens.remove(allocation)
        if allocation.lingers { memory.lingering -= 1 }
        if case .guestPages(let pages) = memory.backing, allocation.isOwner {
            // The pages go with the handle that brought them; other opens are left without memory.
            effects.append(.releaseGuestPages(memory.machine.id, pages.id))
            memory.detach()
            refreshMappings(of: memory)
            if let shadow = pages.shadow { release(shadow, of: memory.machine, after: memory.spaces) }
            uncommit(memory)
            countDestruction(of: memory)
            return
        }
        let isOffered = considerOffer(of: memory)
        refreshMappings(of: memory)
        if isOffered { settleOffer(of: memory) }
        if memory.opens.isEmpty, (allocation.content?.nameCount ?? 0) == 0 { releaseMemory(memory) }
    }

    /// Gives an allocation's memory back; nothing names it any more.
    func releaseMemory(_ memory: AllocationMemory) {
        memory.machine.offered[memory.id] = nil
        switch memory.backing {
        case .span(let span):
            memory.detach()
            release(span, of: memory.machine, after: memory.spaces)
            uncommit(memory)
            countDestruction(of: memory)
        case .decommitted:
            memory.detach()
            countDestruction(of: memory)
        case .guestPages, .detached:
            break
        }
    }

    private func countDestruction(of memory: AllocationMemory) {
        memory.adapter.physical.destroyed.count &+= 1
        memory.adapter.physical.destroyed.bytes &+= memory.size
    }

    /// Ends one handle to a resource whose allocations are gone.
    func forget(_ resource: Resource) {
        resource.device.process.leave(resource.handle)
        resource.device.resources[resource.handle] = nil
        resource.content.openCount -= 1
        if resource.content.isShareable, !resource.content.isAlive { resource.content.machine.shareableObjects -= 1 }
    }
}
