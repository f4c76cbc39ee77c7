import DXGProtocol

@testable import SoftGPU

// What a trace has shown of a host so far: the checker's own books, made of requests, replies and effects alone.

/// A connected guest.
final class GuestRecord {
    let id: GuestID
    let options: GuestOptions
    var version = InterfaceVersion.v27
    /// First guest physical address of its IO space.
    var windowBase: UInt64 = 0
    /// By adapter, while it is open.
    var adapterHandles: [D3DKMTHandle?]
    var processes: [D3DKMTHandle: ProcessRecord] = [:]
    /// Global and NT-shared handles.
    var names: [D3DKMTHandle: NameRecord] = [:]
    /// Fences by the offsets of their pages.
    var pages: [UInt64: FenceOpen] = [:]
    /// CPU waits and queued CPU events by their guest event.
    var waits: [UInt64: [WaitRecord]] = [:]
    var cpuEvents: [UInt64: [SignalRecord]] = [:]
    /// CPU notification objects by their guest event.
    var notifications: [UInt64: [FenceRecord]] = [:]
    /// Pages of fences that are gone, until they have come back.
    var leavingPages: Set<UInt64> = []
    var memories: [ObjectIdentifier: MemoryRecord] = [:]
    /// Who has which part of a file, as far as maps have shown it.
    var owners: [MemoryFile: RangeMap<MemoryRecord>] = [:]

    init(id: GuestID, options: GuestOptions) {
        self.id = id
        self.options = options
        adapterHandles = Array(repeating: nil, count: options.adapters.count)
    }
}

/// What a name stands for.
enum NameRecord {
    case globalFence(FenceRecord)
    case ntFence(FenceRecord)
    case resource(ResourceContentRecord)
}

/// A process of a guest.
final class ProcessRecord {
    unowned let guest: GuestRecord
    let handle: D3DKMTHandle
    let pid: UInt64
    var objects: [D3DKMTHandle: ObjectRecord] = [:]
    /// GPU addresses by adapter.
    var spaces: [SpaceRecord]
    /// Queues; those with something in them outlive their handles.
    var queues: [QueueRecord] = []
    /// Bytes by adapter and memory segment group.
    var reservations: [[Int]: UInt64] = [:]
    /// CPU waits that have not ended.
    var waits: [ObjectIdentifier: WaitRecord] = [:]

    init(guest: GuestRecord, handle: D3DKMTHandle, pid: UInt64) {
        self.guest = guest
        self.handle = handle
        self.pid = pid
        spaces = guest.options.adapters.map { _ in SpaceRecord() }
    }

    /// What counts against its budget; nil where a command has left open where some of it is.
    func residentBytes(on adapter: Int, _ group: Int) -> UInt64? {
        var bytes: UInt64 = 0
        for memory in guest.memories.values where memory.adapter == adapter && memory.payer === self {
            if memory.hasMoved || memory.isUncertain { return nil }
            if memory.group == group { bytes += memory.size }
        }
        return bytes
    }

    var devices: [DeviceRecord] {
        objects.values.compactMap { if case .device(let device) = $0 { device } else { nil } }
    }
}

/// What a handle of a process names.
enum ObjectRecord {
    case device(DeviceRecord)
    case context(ContextRecord)
    case hwQueue(QueueRecord, progress: FenceOpen)
    case pagingQueue(PagingRecord)
    case allocation(AllocationRecord)
    case resource(ResourceRecord)
    case fence(FenceOpen)

    /// The device that it hangs off; fences without a page hang off none.
    var device: DeviceRecord? {
        switch self {
        case .device(let device): device
        case .context(let context): context.device
        case .hwQueue(let queue, _): queue.device
        case .pagingQueue(let queue): queue.device
        case .allocation(let allocation): allocation.device
        case .resource(let resource): resource.device
        case .fence(let open): open.page == nil ? nil : open.device
        }
    }
}

/// A device.
final class DeviceRecord {
    unowned let process: ProcessRecord
    let handle: D3DKMTHandle
    let adapter: Int
    let errorCookie: UInt64
    /// Lost, terminated or destroyed: what it has queued does not run any more.
    var isDead = false
    /// That happens with the step at hand.
    var isDying = false

    init(process: ProcessRecord, handle: D3DKMTHandle, adapter: Int, errorCookie: UInt64) {
        self.process = process
        self.handle = handle
        self.adapter = adapter
        self.errorCookie = errorCookie
    }

    /// It is lost, or another with the same cookie: nobody can tell what becomes of its work.
    func mayBeLost() { for queue in process.queues where queue.device === self { queue.isUncertain = true } }
}

/// A context: its own queue, and the one of its address updates.
final class ContextRecord {
    let device: DeviceRecord
    let node: Int
    let isNullRendering: Bool
    let queue: QueueRecord
    let updates: QueueRecord
    var hwQueues: [D3DKMTHandle] = []

    init(device: DeviceRecord, node: Int, isNullRendering: Bool) {
        self.device = device
        self.node = node
        self.isNullRendering = isNullRendering
        queue = QueueRecord(device: device, node: node, isNullRendering: isNullRendering)
        updates = QueueRecord(device: device, node: node, isNullRendering: isNullRendering)
    }
}

/// A paging queue.
final class PagingRecord {
    let device: DeviceRecord
    let fence: FenceOpen

    init(device: DeviceRecord, fence: FenceOpen) {
        self.device = device
        self.fence = fence
    }
}

/// What all opens of a resource have in common.
final class ResourceContentRecord {
    private(set) var memories: [MemoryRecord] = []
    /// NT-shared handles that keep it alive.
    var ntNames = 0
    private var isSealed = false

    func add(_ memory: MemoryRecord) { memories.append(memory) }

    /// Once it has had a name, no memory leaves it any more.
    func seal() {
        if !isSealed { memories.removeAll { $0.opens.isEmpty } }
        isSealed = true
    }
}

/// A process's handle to a resource.
final class ResourceRecord {
    let device: DeviceRecord
    let content: ResourceContentRecord
    private var made: [AllocationRecord] = []
    var allocations: [AllocationRecord] { made.filter { !$0.isDestroyed } }

    func add(_ allocation: AllocationRecord) { made.append(allocation) }

    init(device: DeviceRecord, content: ResourceContentRecord) {
        self.device = device
        self.content = content
    }
}
