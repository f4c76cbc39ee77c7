import DXGProtocol

/// Memory that its owners have given up for the time being (docs/protocol/semantics.md 13).
extension SoftGPU {
    /// Puts an offer in force once everyone has offered who has the memory open; true where it is so now. Its
    /// mappings are the caller's to look after.
    func considerOffer(of memory: AllocationMemory) -> Bool {
        guard memory.offer == nil, case .span = memory.backing, !memory.opens.isEmpty else { return false }
        var priority: UInt32 = 0
        var allowsDecommit = true
        for open in memory.opens.elements {
            guard let offer = open.offer else { return false }
            // Automatic is what nobody has an opinion of.
            priority = max(priority, offer.priority == .auto ? OfferPriority.normal.rawValue : offer.priority.rawValue)
            allowsDecommit = allowsDecommit && offer.allowsDecommit
        }
        takeFromPlace(memory)
        memory.offer = AllocationMemory.Offer(priority: priority, order: freshID(), allowsDecommit: allowsDecommit)
        settleCharge(of: memory)
        return true
    }

    /// Lets the memory of an offer be taken once no worker sees it.
    func settleOffer(of memory: AllocationMemory) {
        guard memory.lingering == 0, let offer = memory.offer, !offer.isSettled else { return }
        settle(offer.order, of: memory, after: memory.spaces)
    }

    /// No worker sees it any more, if it is still that offer.
    func offerSettled(_ memory: AllocationMemory, _ order: UInt64) {
        guard memory.offer?.order == order, memory.lingering == 0 else { return }
        memory.offer?.isSettled = true
        memory.machine.offered[memory.id] = memory
        offerInPlace(memory)
    }

    /// What goes first under pressure.
    private func settledOffers(of machine: VirtualMachine) -> [AllocationMemory] {
        machine.offered.values.sorted { a, b in
            let left = (a.offer?.priority ?? 0, a.offer?.order ?? 0)
            let right = (b.offer?.priority ?? 0, b.offer?.order ?? 0)
            return left < right
        }
    }

    /// Releases the next offered memory of a guest whose pages may go. False where there is none.
    func decommitNext(in machine: VirtualMachine, of file: MemoryFile?) -> Bool {
        for memory in settledOffers(of: machine) {
            guard case .span(let span) = memory.backing, memory.offer?.allowsDecommit == true,
                file == nil || span.file == file
            else { continue }
            decommit(memory, span)
            return true
        }
        return false
    }

    private func decommit(_ memory: AllocationMemory, _ span: MemorySpan) {
        memory.decommit(span.file)
        memory.offer?.isDiscarded = true
        uncommit(memory)
        // Nobody sees it: no barrier is needed.
        pass(PendingBarrier(machine: memory.machine, spaces: [], spans: [span], replies: [], offers: []))
    }

    /// Throws away what is in all offered memory of a guest: the host needs its pages for something else.
    public func discardOffers(of guest: GuestID, at time: Instant) -> [Effect] {
        input(at: time) {
            guard let machine = machines[guest] else { return }
            for memory in settledOffers(of: machine) { discardOffer(of: memory) }
        }
    }

    /// Throws away what is in offered memory that no worker sees, and its pages where they may go.
    func discardOffer(of memory: AllocationMemory) {
        endOfferInPlace(memory)
        guard case .span(let span) = memory.backing, let offer = memory.offer, !offer.isDiscarded else { return }
        countEviction(of: memory)
        if offer.allowsDecommit {
            decommit(memory, span)
        } else {
            memory.offer?.isDiscarded = true
            effects.append(.discard(memory.machine.id, span))
        }
    }

    /// Takes memory back for one who offered it.
    func reclaim(_ allocation: Allocation) -> ReclaimResult {
        guard allocation.offer != nil else { return .ok }
        // What could not be had again stays offered.
        guard reinstate(allocation.memory) else { return .notCommitted }
        allocation.offer = nil
        defer { allocation.hasLostContent = false }
        return allocation.hasLostContent ? .discarded : .ok
    }

    /// Ends the offer of memory. False where there is no memory to be had any more.
    func reinstate(_ memory: AllocationMemory) -> Bool {
        guard let offer = memory.offer else { return true }
        if case .decommitted(let file) = memory.backing {
            do throws(Refusal) {
                try checkCommit(of: memory.size, in: memory.machine)
                memory.recommit(try span(file, memory.size, alignment: 65536, memory.machine))
            } catch {
                return false
            }
            commit(memory)
        }
        endOfferInPlace(memory)
        memory.offer = nil
        memory.machine.offered[memory.id] = nil
        settleCharge(of: memory)
        if offer.isDiscarded { for open in memory.opens.elements { open.hasLostContent = true } }
        return true
    }
}
