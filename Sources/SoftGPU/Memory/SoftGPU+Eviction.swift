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

    /// Lets go of what was left in place until a segment holds no more than it can: the lowest priority first, then
    /// what was left the earliest.
    func makeRoom(in physical: PhysicalAdapter, _ group: SegmentGroup) {
        let index = group.rawValue
        while physical.evictableBytes[index] > 0,
            physical.residentBytes[index] + physical.evictableBytes[index] > physical.size(of: group)
        {
            let next = physical.evictable.values.filter { $0.group == group }.min { a, b in
                (a.priority, a.evictableSince ?? 0) < (b.priority, b.evictableSince ?? 0)
            }
            guard let next else { return }
            takeFromPlace(next)
            countEviction(of: next)
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
