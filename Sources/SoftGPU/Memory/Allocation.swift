import DXGProtocol

/// The memory of an allocation: shared by all handles that name it.
final class AllocationMemory: Ordered {
    unowned let machine: VirtualMachine
    let adapter: VirtualAdapter
    /// Unique on this host.
    let id: UInt64
    var order: UInt64 { id }
    /// Bytes, a multiple of 4096.
    let size: UInt64
    private(set) var group: SegmentGroup
    /// UPDATEALLOCATIONPROPERTY's supported segments, a bit for each.
    var segments = SegmentGroup.local.segmentBit | SegmentGroup.nonLocal.segmentBit
    let isCPUVisible: Bool
    let isCached: Bool
    private(set) var backing: Backing
    private let guestPages: GuestPages?
    /// Residency counts of all opens together.
    var residency = 0
    /// Evictions and destructions that wait for queued work: until then the memory is still seen.
    var lingering = 0
    var opens = OrderedList<Allocation>()
    /// The process whose budget its residency counts against, while it is resident.
    var payer: GuestProcess?
    /// The process that made it, for statistics.
    weak var creator: GuestProcess?
    /// Address spaces whose workers may have it mapped.
    private(set) var spaces: [AddressSpace] = []

    /// Given up for the time being by everyone who has it open (docs/protocol/semantics.md 13).
    var offer: Offer?
    /// On its way in behind a paging queue's fence.
    var isArriving = false

    /// Since when its content is in its segment although it is on nobody's residency list, in the order of all such.
    var evictableSince: UInt64?

    /// Whether it is on a device's residency list.
    var isResident: Bool { residency > 0 }

    /// Whether its content is in its segment.
    var isInPlace: Bool { (isResident && !isArriving && offer?.isDiscarded != true) || evictableSince != nil }

    /// The highest priority that an open of it has.
    var priority: UInt32 { opens.elements.map(\.priority).max() ?? Allocation.normalPriority }

    /// Whether the GPU may touch it.
    var isVisible: Bool {
        lingering > 0 || (offer == nil && !isArriving && (residency > 0 || machine.options.allowsNonResidentAccess))
    }

    enum Backing {
        case span(MemorySpan)
        case guestPages(GuestPages)
        /// Offered and released under pressure: reclaiming needs memory anew.
        case decommitted(MemoryFile)
        /// The guest took its pages back, or nobody names it any more.
        case detached
    }

    /// An offer that is in force.
    struct Offer {
        /// Lower goes first under pressure, then what was offered earlier.
        let priority: UInt32
        let order: UInt64
        /// The pages may go, not just what is in them.
        let allowsDecommit: Bool
        /// No worker sees it any more.
        var isSettled = false
        var isDiscarded = false
    }

    init(
        machine: VirtualMachine, adapter: VirtualAdapter, id: UInt64, size: UInt64, group: SegmentGroup,
        isCPUVisible: Bool, isCached: Bool, backing: Backing
    ) {
        self.machine = machine
        self.adapter = adapter
        self.id = id
        self.size = size
        self.group = group
        self.isCPUVisible = isCPUVisible
        self.isCached = isCached
        self.backing = backing
        guestPages = if case .guestPages(let pages) = backing { pages } else { nil }
    }

    var isExistingSystemMemory: Bool {
        if case .guestPages = backing { true } else { false }
    }

    /// Whether there is nothing to be seen through its mappings.
    var isDetached: Bool {
        switch backing {
        case .detached, .decommitted: true
        case .span, .guestPages: false
        }
    }

    /// Takes the backing away: nothing is seen through any mapping of this memory.
    func detach() { backing = .detached }

    /// Takes the backing away for as long as the memory is offered.
    func decommit(_ file: MemoryFile) { backing = .decommitted(file) }

    /// Puts other memory in the place of what was decommitted.
    func recommit(_ span: MemorySpan) { backing = .span(span) }

    /// Changes the segment group; who calls it does the accounts.
    func move(to group: SegmentGroup) { self.group = group }

    /// Notes that an address space shows this memory.
    func note(_ space: AddressSpace) {
        guard !spaces.contains(where: { $0 === space }) else { return }
        spaces.removeAll { $0.isClosed && $0.workers.isEmpty }
        spaces.append(space)
    }

    /// How many mappings of a worker's kernel a range takes.
    func pieces(offset: UInt64, length: UInt64) -> Int {
        guard let guestPages, guestPages.shadow == nil else { return 1 }
        return guestPages.runs(offset: offset, length: length)
    }

    /// The spans of files that `offset..<offset + length` lies in, in order; empty where the memory is not there.
    func spans(offset: UInt64, length: UInt64) -> [MemorySpan] {
        switch backing {
        case .span(let span):
            [MemorySpan(file: span.file, offset: span.offset + offset, length: length)]
        case .guestPages(let pages):
            pages.spans(offset: offset, length: length)
        case .decommitted, .detached:
            []
        }
    }
}

/// A process's handle to an allocation, on one device.
final class Allocation: Ordered {
    let order: UInt64
    let memory: AllocationMemory
    let device: Device
    var handle = D3DKMTHandle.none
    /// The handle that made the memory; existing system memory goes with it.
    let isOwner: Bool
    weak var resource: Resource?
    /// What its resource has in common with other opens of it.
    var content: ResourceContent?
    /// MAKERESIDENT minus EVICT.
    var residencyCount = 0
    var isLocked = false
    /// What its holder offered it with, until it is reclaimed.
    var offer: (priority: OfferPriority, allowsDecommit: Bool)?
    /// Its content went while it was offered, and its holder has not been told.
    var hasLostContent = false
    /// D3DDDI_ALLOCATIONPRIORITY; orders eviction.
    var priority = Allocation.normalPriority
    /// D3DDDI_ALLOCATIONPRIORITY_NORMAL.
    static let normalPriority: UInt32 = 0x7800_0000
    var isDestroyed = false
    /// It was visible when its handle went, and is until its mappings go.
    var lingers = false
    /// Where it is mapped: starts of mappings in the process's address space of its adapter.
    var mappedStarts: Set<UInt64> = []
    /// Its private driver data, as given back to the guest.
    let privateData: [UInt8]

    init(order: UInt64, memory: AllocationMemory, device: Device, isOwner: Bool, privateData: [UInt8]) {
        self.order = order
        self.memory = memory
        self.isOwner = isOwner
        self.device = device
        self.privateData = privateData
    }

    /// Existing system memory is of use once the guest has told all its pages.
    func requirePages() throws(Refusal) {
        guard case .guestPages(let pages) = memory.backing, !pages.isComplete else { return }
        throw .invalid("allocation \(handle) lacks pages")
    }
}

/// A process's handle to a group of allocations.
final class Resource {
    let content: ResourceContent
    unowned let device: Device
    var handle = D3DKMTHandle.none
    var allocations = OrderedList<Allocation>()

    init(content: ResourceContent, device: Device) {
        self.content = content
        self.device = device
    }
}

/// What all opens of a resource have in common.
final class ResourceContent {
    unowned let machine: VirtualMachine
    let adapter: VirtualAdapter
    /// Created with CreateShared and NtSecuritySharing: may be given a name.
    let isShareable: Bool
    /// Has been given a name: no allocation can be added any more.
    var isSealed = false
    var memories = OrderedList<AllocationMemory>()
    /// NT-shared handles that keep it alive.
    var nameCount = 0
    var openCount = 0

    /// Whether anybody could still use it.
    var isAlive: Bool { openCount > 0 || nameCount > 0 }

    init(machine: VirtualMachine, adapter: VirtualAdapter, isShareable: Bool) {
        self.machine = machine
        self.adapter = adapter
        self.isShareable = isShareable
    }
}
