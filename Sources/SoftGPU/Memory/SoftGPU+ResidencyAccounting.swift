import DXGProtocol

/// Which memory is resident, and who pays for it (docs/protocol/semantics.md 12.1).
extension SoftGPU {
    func addResidency(_ allocation: Allocation) {
        allocation.residencyCount += 1
        let memory = allocation.memory
        memory.residency += 1
        guard memory.residency == 1 else { return }
        charge(memory, to: allocation.device.process)
        if memory.lingering == 0 { refreshMappings(of: memory) }
    }

    /// Takes a handle's residency away. What that does to mappings is seen by ``refreshMappings(of:)`` afterwards.
    func removeResidency(_ allocation: Allocation, count: Int = 1) {
        guard count > 0 else { return }
        allocation.residencyCount -= count
        let memory = allocation.memory
        memory.residency -= count
        if memory.residency == 0 {
            charge(memory, to: nil)
        } else if allocation.residencyCount == 0, memory.payer === allocation.device.process {
            let resident = memory.opens.elements.filter { $0.residencyCount > 0 }
            let heir = resident.first { $0.device.process === memory.payer } ?? resident.first
            charge(memory, to: heir?.device.process)
        }
    }

    /// The process whose MAKERESIDENT brought the memory in pays for it until its residency ends.
    private func charge(_ memory: AllocationMemory, to process: GuestProcess?) {
        let adapter = memory.adapter
        let group = memory.group.rawValue
        if let payer = memory.payer {
            payer.residentBytes[adapter.index][group] -= memory.size
            adapter.physical.residentBytes[group] -= memory.size
        }
        memory.payer = process
        guard let process else { return }
        process.residentBytes[adapter.index][group] += memory.size
        adapter.physical.residentBytes[group] += memory.size
    }

    func refreshMappings(of memory: AllocationMemory) {
        for open in memory.opens.elements where !open.mappedStarts.isEmpty {
            open.device.process.spaces[open.device.adapter.index]?.refresh(open)
        }
    }

    /// All work that was queued before a destruction or an eviction has ended on one more queue.
    func arrive(at checkpoint: Checkpoint) {
        checkpoint.queuesLeft -= 1
        guard checkpoint.queuesLeft == 0 else { return }
        for allocation in checkpoint.allocations {
            switch checkpoint.kind {
            case .destruction: finishDestruction(of: allocation)
            case .eviction:
                allocation.memory.lingering -= 1
                refreshMappings(of: allocation.memory)
            }
        }
    }
}
