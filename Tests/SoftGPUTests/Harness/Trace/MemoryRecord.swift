import DXGProtocol

@testable import SoftGPU

/// The memory behind allocations, as far as a trace shows it.
final class MemoryRecord {
    unowned let guest: GuestRecord
    let adapter: Int
    /// Bytes.
    let size: UInt64
    /// Memory segment group.
    let group: Int
    let isExisting: Bool
    /// In the order of their making.
    var opens: [AllocationRecord] = []
    /// Where it lies, once a map has shown it.
    var base: MemorySpan?
    /// Everyone who has it open has offered it.
    var isOffered = false
    /// The guest took its pages back.
    var isDetached = false
    /// Evicted only if necessary: it may not have left its segment.
    var mayStandReady = false
    /// Put into another segment of the host's choice.
    var hasMoved = false
    /// Values of paging fences with the first of which it is there.
    var arrivals: [(fence: FenceRecord, value: UInt64)] = []
    /// What it has in common with other memory of its resource.
    var content: ResourceContentRecord?
    /// A command left open what has become of it.
    var isUncertain = false
    /// The process that its residency counts against.
    var payer: ProcessRecord?
    /// Work that was queued when it was evicted, offered or destroyed, and may see it until it is done.
    var lingering: [Lingering] = []

    init(guest: GuestRecord, adapter: Int, size: UInt64, group: Int, isExisting: Bool) {
        self.guest = guest
        self.adapter = adapter
        self.size = size
        self.group = group
        self.isExisting = isExisting
    }

    var residency: Int { opens.reduce(0) { $0 + $1.residency } }

    /// Whether the GPU may see it.
    var isVisible: Bool {
        isUncertain || !lingering.isEmpty
            || (!isOffered && !isDetached && arrivals.isEmpty
                && (residency > 0 || guest.options.allowsNonResidentAccess))
    }

    /// Looks whether it has come in.
    func arrive() { if arrivals.contains(where: { $0.fence.value >= $0.value }) { arrivals.removeAll() } }

    /// Whether a process may see it, through a handle that it has or had until its queued work is done.
    func isVisible(to process: ProcessRecord) -> Bool {
        isVisible
            && (opens.contains { $0.device.process === process } || lingering.contains { $0.process === process })
    }

    /// Finds anew whose budget it counts against (docs/protocol/semantics.md 12.1).
    func settlePayer() {
        guard residency > 0, !isOffered else { return payer = nil }
        let users = opens.filter { $0.residency > 0 }.map(\.device.process)
        if let payer, users.contains(where: { $0 === payer }) { return }
        payer = users.first
    }

    /// Work of a device, queue by queue.
    struct Lingering {
        let process: ProcessRecord
        let ends: [(queue: QueueRecord, position: Int)]
        /// What was on a worker: it may take a while to stop after its device is lost.
        let jobs: [JobID]

        /// Whether all of it is done for sure.
        func isOver(running: [JobID: Job]) -> Bool {
            ends.allSatisfy { $0.queue.isDead || $0.queue.first >= $0.position }
                && jobs.allSatisfy { running[$0] == nil }
        }
    }
}

/// A process's handle to memory.
final class AllocationRecord {
    let handle: D3DKMTHandle
    let device: DeviceRecord
    let memory: MemoryRecord
    /// Made the memory, did not open it.
    let isOwner: Bool
    weak var resource: ResourceRecord?
    var residency = 0
    var isOffered = false
    var isDestroyed = false

    init(handle: D3DKMTHandle, device: DeviceRecord, memory: MemoryRecord, isOwner: Bool) {
        self.handle = handle
        self.device = device
        self.memory = memory
        self.isOwner = isOwner
    }
}

/// What a process has asked to see at its GPU addresses on one adapter.
struct SpaceRecord {
    private var grants = RangeMap<Grant>()
    /// Address updates take effect when their queue comes to them, so nothing that was asked for is ruled out.
    private var keepsAll = false

    /// What may be at a range.
    struct Grant {
        var allocations: [(allocation: AllocationRecord, offset: UInt64)] = []
        /// Ranges of this address space that may have been copied here.
        var sources: [UInt64] = []

        func advanced(by distance: UInt64) -> Grant {
            Grant(
                allocations: allocations.map { ($0.allocation, $0.offset + distance) },
                sources: sources.map { $0 + distance })
        }
    }

    /// A range shows an allocation from now on, and nothing else.
    mutating func replace(_ start: UInt64, _ end: UInt64, _ allocation: AllocationRecord?, offset: UInt64) {
        guard !keepsAll else { return add(start, end, allocation, offset: offset) }
        _ = grants.carve(start, end) { $0.advanced(by: $1) }
        guard let allocation else { return }
        grants.insert(start, end, Grant(allocations: [(allocation, offset)]))
    }

    /// A range will show an allocation at some time.
    mutating func add(_ start: UInt64, _ end: UInt64, _ allocation: AllocationRecord?, offset: UInt64) {
        guard let allocation else { return }
        change(start, end) { $0.allocations.append((allocation, offset + $1)) }
    }

    /// An address update shows an allocation at a range, over and over, when its turn comes.
    mutating func update(
        _ start: UInt64, _ end: UInt64, _ allocation: AllocationRecord, offset: UInt64, part: UInt64
    ) {
        keepsAll = true
        for address in stride(from: start, to: end, by: Int(part)) {
            add(address, min(address + part, end), allocation, offset: offset)
        }
    }

    /// An address update copies what is at `source` when its turn comes.
    mutating func copy(_ start: UInt64, _ end: UInt64, from source: UInt64) {
        keepsAll = true
        change(start, end) { $0.sources.append(source + $1) }
    }

    /// A range is given back.
    mutating func free(_ start: UInt64, _ end: UInt64) {
        if !keepsAll { _ = grants.carve(start, end) { $0.advanced(by: $1) } }
    }

    /// Gives each part of a range to `body` with its distance from the range's start; parts that have nothing begin
    /// with an empty grant.
    private mutating func change(_ start: UInt64, _ end: UInt64, _ body: (inout Grant, UInt64) -> Void) {
        let old = grants.carve(start, end) { $0.advanced(by: $1) }
        var position = start
        func put(to end: UInt64, _ grant: Grant, in grants: inout RangeMap<Grant>) {
            guard position < end else { return }
            var grant = grant
            body(&grant, position - start)
            grants.insert(position, end, grant)
            position = end
        }
        for entry in old {
            put(to: max(entry.start, start), Grant(), in: &grants)
            put(to: min(entry.end, end), entry.value.advanced(by: position - entry.start), in: &grants)
        }
        put(to: end, Grant(), in: &grants)
    }

    /// What may be at an address, and up to where it is the same.
    func candidates(at address: UInt64, depth: Int = 4) -> [(allocation: AllocationRecord, offset: UInt64)] {
        guard depth > 0, let entry = grants.entry(containing: address) else { return [] }
        let grant = entry.value.advanced(by: address - entry.start)
        return grant.allocations + grant.sources.flatMap { candidates(at: $0, depth: depth - 1) }
    }
}
