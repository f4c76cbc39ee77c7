import DXGProtocol

/// How content leaves its segment: at once, or under pressure where EVICT asked for that
/// (docs/protocol/semantics.md 12, CMD 12).
extension SoftGPU {
    /// Leaves memory where it is, on nobody's residency list, until its segment needs the room.
    func leaveInPlace(_ memory: AllocationMemory) {
        let physical = memory.adapter.physical
        memory.evictableSince = freshID()
        physical.evictable[memory.id] = memory
        physical.evictableBytes[memory.group.rawValue] += memory.size
        physical.evictableCount[memory.group.rawValue] += 1
        makeRoom(in: physical, memory.group)
    }

    /// Memory that was left in place is resident again, or is no memory of its segment any more.
    func takeFromPlace(_ memory: AllocationMemory) {
        guard memory.evictableSince != nil else { return }
        let physical = memory.adapter.physical
        memory.evictableSince = nil
        physical.evictable[memory.id] = nil
        physical.evictableBytes[memory.group.rawValue] -= memory.size
        physical.evictableCount[memory.group.rawValue] -= 1
    }

    /// Memory whose offer has come into force stays in its segment, if it was there, until others need the room.
    func offerInPlace(_ memory: AllocationMemory) {
        guard memory.isResident else { return }
        let physical = memory.adapter.physical
        physical.offered[memory.id] = memory
        physical.offeredBytes[memory.group.rawValue] += memory.size
        physical.offeredCount[memory.group.rawValue] += 1
        makeRoom(in: physical, memory.group)
    }

    /// Offered memory is reclaimed, or is nothing in its segment any more.
    func endOfferInPlace(_ memory: AllocationMemory) {
        let physical = memory.adapter.physical
        guard physical.offered.removeValue(forKey: memory.id) != nil else { return }
        physical.offeredBytes[memory.group.rawValue] -= memory.size
        physical.offeredCount[memory.group.rawValue] -= 1
    }

    /// Lets go of content until a segment holds no more than it can. What was offered goes first, the lowest offer
    /// priority and then the earliest; then what was left in place, the lowest allocation priority and then the
    /// earliest.
    func makeRoom(in physical: PhysicalAdapter, _ group: SegmentGroup) {
        func isFull() -> Bool { physical.bytesInPlace(of: group) > physical.size(of: group) }
        guard isFull() else { return }
        let offered = physical.offered.values.filter { $0.group == group }.sorted { a, b in
            (a.offer?.priority ?? 0, a.offer?.order ?? 0) < (b.offer?.priority ?? 0, b.offer?.order ?? 0)
        }
        for memory in offered where isFull() { discardOffer(of: memory) }
        guard isFull() else { return }
        let left = physical.evictable.values.filter { $0.group == group }.sorted { a, b in
            (a.priority, a.evictableSince ?? 0) < (b.priority, b.evictableSince ?? 0)
        }
        for memory in left where isFull() {
            takeFromPlace(memory)
            countEviction(of: memory)
        }
    }

    /// Whether memory that is resident fits into another segment.
    func checkMove(of memory: AllocationMemory, to group: SegmentGroup) throws(Refusal) {
        guard memory.group != group, memory.isResident else { return }
        let physical = memory.adapter.physical
        let used = physical.residentBytes[group.rawValue]
        let size = physical.size(of: group)
        guard used <= size, memory.size <= size - used else {
            throw Refusal(.noMemory, "\(memory.size) bytes for segment \(group.rawValue + 1), which has \(size)")
        }
    }

    /// Puts memory into another segment. Its bytes stay where they are, since both are the host's; what is counted of
    /// a segment goes with them.
    func move(_ memory: AllocationMemory, to group: SegmentGroup) {
        guard memory.group != group, !memory.isDetached else { return }
        let physical = memory.adapter.physical
        let adapter = memory.adapter.index
        let old = memory.group.rawValue
        let new = group.rawValue
        takeFromPlace(memory)
        let isOfferedInPlace = physical.offered[memory.id] != nil
        endOfferInPlace(memory)
        let payer = memory.payer
        charge(memory, to: nil)
        physical.committedBytes[old] -= memory.size
        physical.committedCount[old] -= 1
        memory.creator?.committedBytes[adapter][old] -= memory.size
        memory.creator?.committedCount[adapter][old] -= 1
        memory.move(to: group)
        physical.committedBytes[new] += memory.size
        physical.committedCount[new] += 1
        memory.creator?.committedBytes[adapter][new] += memory.size
        memory.creator?.committedCount[adapter][new] += 1
        charge(memory, to: payer)
        if isOfferedInPlace { offerInPlace(memory) }
    }

    /// Counts content that has left its segment.
    func countEviction(of memory: AllocationMemory) {
        let group = memory.group.rawValue
        memory.adapter.physical.evicted[group].count(memory.size, priority: memory.priority)
        memory.creator?.evicted[memory.adapter.index][group].count(memory.size, priority: memory.priority)
    }
}

/// Bytes that have left a segment, for QUERYSTATISTICS.
struct EvictedBytes {
    private(set) var total: UInt64 = 0
    /// By D3DDDI_ALLOCATIONPRIORITY: minimum, low, normal, high, maximum (docs/protocol/semantics.md 10.2, CMD 59).
    private(set) var byPriority: [UInt64] = Array(repeating: 0, count: 5)

    mutating func count(_ bytes: UInt64, priority: UInt32) {
        total &+= bytes
        byPriority[Self.bounds.count { $0 <= priority }] &+= bytes
    }

    /// Where low, normal, high and maximum begin.
    private static let bounds: [UInt32] = [0x5000_0000, 0x7800_0000, 0xa000_0000, 0xc800_0000]
}
