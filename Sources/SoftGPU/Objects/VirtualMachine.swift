import DXGProtocol
import VMBus

/// One connected guest: its virtual GPUs, its processes, the memory it was lent, and the names that its processes
/// share. Nothing in here can be reached from another guest.
final class VirtualMachine {
    let id: GuestID
    let options: GuestOptions
    var interfaceVersion = InterfaceVersion.v27
    /// Counts the VMBus connections of the guest: nobody reads an answer to an earlier one.
    private(set) var connection = 0
    let adapters: [VirtualAdapter]

    /// The window of guest physical addresses that the guest announced, once it did.
    var ioWindow: IOWindow?
    /// The IO space file, from its start to the end of the window.
    var ioPages: PageAllocator
    var localPages: PageAllocator
    /// Bytes of all allocations.
    var committedBytes: UInt64 = 0
    /// Memory whose offer is in force and that no worker sees, by its id.
    var offered: [UInt64: AllocationMemory] = [:]

    var processes: HandleTable<GuestProcess>
    /// VM-wide names: global sync object handles and NT-shared handles (docs/protocol/semantics.md 1.9, 15.1).
    var names: HandleTable<SharedName>

    /// Shared fences and resources that may have names: the limit is checked when they are made, because the guest's
    /// driver does not bear a refusal later (docs/protocol/findings.md D3).
    var shareableObjects = 0
    /// Handles of all processes.
    var objectCount = 0

    var gpadls: [UInt32: [GuestPhysicalRange]] = [:]
    /// Regions of guest memory that the guest shared by descriptor, in its order; empty where it shared none.
    var sharedRegions: [GuestMemoryRegion] = []

    init(id: GuestID, options: GuestOptions, adapters: [VirtualAdapter]) {
        self.id = id
        self.options = options
        self.adapters = adapters
        ioPages = PageAllocator(capacity: options.ioSpaceBytes & ~(pageSize - 1), lateness: 256)
        localPages = PageAllocator(capacity: options.localBytes & ~(pageSize - 1), lateness: 16)
        processes = HandleTable(uniques: [1, 2, 3], limit: options.limits.processes)
        names = Self.names(options)
    }

    private static func names(_ options: GuestOptions) -> HandleTable<SharedName> {
        // An object has a global name at most, and one NT handle at a time; the rest is for a guest that asks twice.
        HandleTable(uniques: [3], limit: options.limits.sharedObjects * 4)
    }

    func checkShareable() throws(Refusal) {
        guard shareableObjects < options.limits.sharedObjects else {
            throw Refusal(.noMemory, "the limit of \(options.limits.sharedObjects) shared objects is reached")
        }
    }

    /// Space of `length` bytes that the guest can map, or nil.
    ///
    /// The last page of the window stays empty: the guest's check of an address against the window is strict
    /// (docs/protocol/semantics.md 1.10).
    func allocateIOSpace(_ length: UInt64, alignment: UInt64 = pageSize) -> UInt64? {
        guard let ioWindow, ioWindow.length > pageSize else { return nil }
        return ioPages.allocate(length, alignment: alignment, below: ioWindow.length - pageSize)
    }

    /// Forgets a connection whose objects are gone. What workers still hold of its memory comes back later.
    func reset() {
        connection += 1
        interfaceVersion = .v27
        ioWindow = nil
        gpadls.removeAll()
        for adapter in adapters { adapter.handle = nil }
        processes = HandleTable(uniques: [1, 2, 3], limit: options.limits.processes)
        names = Self.names(options)
    }
}

/// The part of guest physical address space that shows the guest's IO space.
struct IOWindow {
    let base: UInt64
    let length: UInt64
}

/// What a VM-wide name stands for.
enum SharedName {
    /// The `global_sync_object` of a shared fence: what OPENSYNCOBJECT presents.
    case globalSyncObject(SyncObject)
    /// The NT handle of a shared fence: only keeps it alive.
    case ntSyncObject(SyncObject)
    /// The NT handle of a resource: what OPENRESOURCE presents.
    case ntResource(ResourceContent)
}

/// One virtual GPU of a guest: a physical adapter as this guest sees it.
final class VirtualAdapter {
    let index: Int
    let vgpuLUID: LUID
    let physical: PhysicalAdapter
    /// What OPENADAPTER gave, while the adapter is open.
    var handle: D3DKMTHandle?
    /// Why it takes no work, if it takes none.
    var outage: Outage?
    var isStopped: Bool { outage != nil }
    /// When its work ran into the timeout, within the last window.
    var timeouts: [Instant] = []
    /// Timeouts in all.
    var timeoutCount: UInt32 = 0

    /// Why a virtual GPU takes no work.
    enum Outage {
        /// ADAPTERSTOP, until the guest opens it again.
        case stopped
        /// Too many timeouts: for as long as the guest is connected.
        case offline
    }

    init(index: Int, vgpuLUID: LUID, physical: PhysicalAdapter) {
        self.index = index
        self.vgpuLUID = vgpuLUID
        self.physical = physical
    }
}

/// One adapter of this host, shared by all guests that it is offered to.
final class PhysicalAdapter {
    let profile: AdapterProfile
    let nodes: [Node]
    /// Bytes and allocations resident per memory segment group.
    var residentBytes: [UInt64] = [0, 0]
    var residentCount: [UInt32] = [0, 0]
    /// What all processes have resident or have reserved, whichever is more, per memory segment group.
    var claimedBytes: [UInt64] = [0, 0]
    /// Memory on nobody's residency list whose content is still in its segment, by its id.
    var evictable: [UInt64: AllocationMemory] = [:]
    var evictableBytes: [UInt64] = [0, 0]
    var evictableCount: [UInt32] = [0, 0]
    /// Memory whose offer is in force and whose content is still in its segment, by its id.
    var offered: [UInt64: AllocationMemory] = [:]
    var offeredBytes: [UInt64] = [0, 0]
    var offeredCount: [UInt32] = [0, 0]
    /// What has left each memory segment group so far.
    var evicted = [EvictedBytes(), EvictedBytes()]
    /// Bytes and allocations that exist per memory segment group.
    var committedBytes: [UInt64] = [0, 0]
    var committedCount: [UInt32] = [0, 0]
    /// Allocations and bytes that were made and destroyed so far.
    var created: (count: UInt32, bytes: UInt64) = (0, 0)
    var destroyed: (count: UInt32, bytes: UInt64) = (0, 0)

    init(profile: AdapterProfile) {
        self.profile = profile
        nodes = profile.nodes.indices.map { Node(ordinal: $0) }
    }

    /// Bytes whose content is in a segment, whoever may use them.
    func bytesInPlace(of group: SegmentGroup) -> UInt64 {
        residentBytes[group.rawValue] + evictableBytes[group.rawValue] + offeredBytes[group.rawValue]
    }

    /// Allocations whose content is in a segment.
    func countInPlace(of group: SegmentGroup) -> UInt32 {
        residentCount[group.rawValue] + evictableCount[group.rawValue] + offeredCount[group.rawValue]
    }

    func size(of group: SegmentGroup) -> UInt64 {
        group == .local ? profile.localMemory : profile.nonLocalMemory
    }
}

/// D3DKMT_MEMORY_SEGMENT_GROUP (docs/protocol/semantics.md 12.1).
enum SegmentGroup: Int {
    case local = 0
    case nonLocal = 1

    /// Its segment in a segment set: segments count from 1.
    var segmentBit: UInt32 { 1 << UInt32(rawValue) }
}
