import DXGProtocol

/// Which memory is there and resident, and who pays for it (docs/protocol/semantics.md 12.1).
extension SoftGPU {
    // MARK: Commitment

    func commit(_ memory: AllocationMemory) {
        let physical = memory.adapter.physical
        let group = memory.group.rawValue
        memory.machine.committedBytes += memory.size
        memory.creator?.committedBytes[memory.adapter.index][group] += memory.size
        memory.creator?.committedCount[memory.adapter.index][group] += 1
        physical.committedBytes[group] += memory.size
        physical.committedCount[group] += 1
    }

    func uncommit(_ memory: AllocationMemory) {
        takeFromPlace(memory)
        endOfferInPlace(memory)
        let physical = memory.adapter.physical
        let group = memory.group.rawValue
        memory.machine.committedBytes -= memory.size
        memory.creator?.committedBytes[memory.adapter.index][group] -= memory.size
        memory.creator?.committedCount[memory.adapter.index][group] -= 1
        physical.committedBytes[group] -= memory.size
        physical.committedCount[group] -= 1
    }

    // MARK: Residency

    /// Gives a handle residency. What that does to mappings is seen by ``refreshMappings(of:)`` afterwards.
    func addResidency(_ allocation: Allocation) {
        allocation.residencyCount += 1
        let memory = allocation.memory
        memory.residency += 1
        guard memory.residency == 1 else { return }
        takeFromPlace(memory)
        settleCharge(of: memory)
    }

    /// Takes a handle's residency away. What that does to mappings is seen by ``refreshMappings(of:)`` afterwards.
    func removeResidency(_ allocation: Allocation, count: Int = 1) {
        guard count > 0 else { return }
        allocation.residencyCount -= count
        allocation.memory.residency -= count
        if !allocation.memory.isResident { endOfferInPlace(allocation.memory) }
        settleCharge(of: allocation.memory)
    }

    /// The process whose MAKERESIDENT brought the memory in pays for it until its residency ends; then another that
    /// has it resident. What is offered is paid for by nobody.
    func settleCharge(of memory: AllocationMemory) {
        guard memory.residency > 0, memory.offer == nil else { return charge(memory, to: nil) }
        let users = memory.opens.elements.lazy.filter { $0.residencyCount > 0 }.map(\.device.process)
        if let payer = memory.payer, users.contains(where: { $0 === payer }) { return }
        charge(memory, to: users.first)
    }

    func charge(_ memory: AllocationMemory, to process: GuestProcess?) {
        let adapter = memory.adapter
        let group = memory.group.rawValue
        if let payer = memory.payer {
            changeClaim(of: payer, on: adapter, memory.group) {
                payer.residentBytes[adapter.index][group] -= memory.size
            }
            adapter.physical.residentBytes[group] -= memory.size
            adapter.physical.residentCount[group] -= 1
        }
        memory.payer = process
        guard let process else { return }
        changeClaim(of: process, on: adapter, memory.group) {
            process.residentBytes[adapter.index][group] += memory.size
        }
        adapter.physical.residentBytes[group] += memory.size
        adapter.physical.residentCount[group] += 1
        makeRoom(in: adapter.physical, memory.group)
    }

    /// Changes what a process has resident or reserved, and with it what all have claimed of the segment group.
    func changeClaim(
        of process: GuestProcess, on adapter: VirtualAdapter, _ group: SegmentGroup, _ change: () -> Void
    ) {
        let before = process.claimedBytes(on: adapter, group)
        change()
        adapter.physical.claimedBytes[group.rawValue] += process.claimedBytes(on: adapter, group)
        adapter.physical.claimedBytes[group.rawValue] -= before
    }

    func refreshMappings(of memory: AllocationMemory) {
        for open in memory.opens.elements where !open.mappedStarts.isEmpty {
            open.device.process.spaces[open.device.adapter.index]?.refresh(open)
        }
    }

    /// Takes memory out of sight that is not to be seen any more, by new work at once and by queued work when it is
    /// done; `isNow` tells that none needs it.
    func withdraw(_ allocations: [Allocation], of device: Device, isNow: Bool = false) {
        // It is visible while it lingers; who withdraws it has seen to it that it is not otherwise.
        for allocation in allocations { allocation.memory.lingering += 1 }
        let limit = device.process.machine.options.limits.queuedPacketsPerProcess
        let weight = allocations.count.multipliedSaturating(by: device.queues.count)
        // A process that has too much queued already loses the memory at once.
        if !isNow, device.process.queuedPackets.addingSaturating(weight) <= limit,
            append(.withdrawal, of: allocations, behindWorkOf: device)
        {
            return
        }
        for allocation in allocations { finishWithdrawal(of: allocation.memory) }
    }

    private func finishWithdrawal(of memory: AllocationMemory) {
        memory.lingering -= 1
        refreshMappings(of: memory)
        settleOffer(of: memory)
    }

    /// All work that was queued before a destruction or a withdrawal has ended on one more queue.
    func arrive(at checkpoint: Checkpoint) {
        checkpoint.queuesLeft -= 1
        guard checkpoint.queuesLeft == 0 else { return }
        for allocation in checkpoint.allocations {
            switch checkpoint.kind {
            case .destruction: finishDestruction(of: allocation)
            case .withdrawal: finishWithdrawal(of: allocation.memory)
            }
        }
    }
}
