import DXGProtocol

/// A process of a guest that has `/dev/dxg` open (docs/protocol/semantics.md 2).
final class GuestProcess {
    unowned let machine: VirtualMachine
    let handle: D3DKMTHandle
    let pid: UInt64
    let name: String

    var objects: HandleTable<ProcessObject>
    /// Its GPU address space on each of the guest's adapters, made at the first use.
    var spaces: [AddressSpace?]
    /// Bytes resident per adapter and memory segment group.
    var residentBytes: [[UInt64]]
    /// Bytes of its allocations per adapter and memory segment group.
    var committedBytes: [[UInt64]]
    /// Allocations that it made, per adapter and memory segment group.
    var committedCount: [[UInt32]]
    /// What has left memory segment groups of the memory that it made.
    var evicted: [[EvictedBytes]]
    /// The hint of the context that it made last.
    var clientHint: UInt32 = 0
    /// Between NOTIFYPROCESSFREEZE and NOTIFYPROCESSTHAW.
    var isFrozen = false
    /// Bytes reserved per adapter and memory segment group (CHANGEVIDEOMEMORYRESERVATION).
    var reservedBytes: [[UInt64]]
    /// Monitored fences that GPU code can write, per adapter: mapped for it, and with the right to signal.
    var gpuFences: [[D3DKMTHandle: SyncObjectOpen]]
    /// Existing system memory that reaches the GPU through a shadow.
    var shadowed: [D3DKMTHandle: Allocation] = [:]
    /// Fences that its CPU waits name, for those that have not fired.
    var cpuWaiters = 0
    var queuedPackets = 0

    init(machine: VirtualMachine, handle: D3DKMTHandle, pid: UInt64, name: String) {
        self.machine = machine
        self.handle = handle
        self.pid = pid
        self.name = name
        objects = HandleTable(uniques: [1, 3], limit: machine.options.limits.objectsPerProcess)
        spaces = Array(repeating: nil, count: machine.adapters.count)
        residentBytes = Array(repeating: [0, 0], count: machine.adapters.count)
        committedBytes = residentBytes
        committedCount = Array(repeating: [0, 0], count: machine.adapters.count)
        evicted = Array(repeating: [EvictedBytes(), EvictedBytes()], count: machine.adapters.count)
        reservedBytes = residentBytes
        gpuFences = Array(repeating: [:], count: machine.adapters.count)
    }

    /// What the process has resident or has reserved, whichever is more.
    func claimedBytes(on adapter: VirtualAdapter, _ group: SegmentGroup) -> UInt64 {
        max(residentBytes[adapter.index][group.rawValue], reservedBytes[adapter.index][group.rawValue])
    }

    var devices: [Device] {
        objects.objects.compactMap { if case .device(let device) = $0 { device } else { nil } }
    }
}

/// A device: the isolation and error domain of one process on one adapter (docs/protocol/semantics.md 4).
final class Device {
    let process: GuestProcess
    let adapter: VirtualAdapter
    var handle = D3DKMTHandle.none
    let disablesTimeout: Bool
    /// The guest's opaque counter address, given back in SETGUESTDATA.
    let errorCookie: UInt64

    var state = DeviceExecutionState.active
    var pageFault: PageFaultRecord?
    /// FLUSHDEVICE said that the device is going away: no new work.
    var isTerminating = false
    var isDestroyed = false

    var contexts: [D3DKMTHandle: Context] = [:]
    var pagingQueues: [D3DKMTHandle: PagingQueue] = [:]
    var allocations: [D3DKMTHandle: Allocation] = [:]
    var resources: [D3DKMTHandle: Resource] = [:]
    /// Opens of monitored fences, which die with the device; other types stay (docs/protocol/semantics.md 8.1).
    var fences: [D3DKMTHandle: SyncObjectOpen] = [:]
    /// Queues of destroyed contexts and hardware queues that still have work, by their sequence.
    var drainingQueues: [UInt64: Queue] = [:]
    /// CPU waits made on this device that have not fired, by their order.
    var waits: [UInt64: CPUWait] = [:]
    /// The paging operation that is being done, if any, and when it is done.
    var paging: (queue: PagingQueue, due: Instant)?
    /// Jobs that are on a worker.
    var runningJobs: [JobID: RunningJob] = [:]

    init(process: GuestProcess, adapter: VirtualAdapter, disablesTimeout: Bool, errorCookie: UInt64) {
        self.process = process
        self.adapter = adapter
        self.disablesTimeout = disablesTimeout
        self.errorCookie = errorCookie
    }

    var isActive: Bool { state == .active && !isTerminating && !isDestroyed }

    /// Address spaces that may show existing system memory that was made on it.
    var spacesOfGuestPages: [AddressSpace] {
        allocations.inOrder.filter { $0.isOwner && $0.memory.isExistingSystemMemory }.flatMap(\.memory.spaces)
    }

    /// Whether it has work that runs or waits for nothing but its node.
    var hasRunnableWork: Bool { !isDestroyed && (!runningJobs.isEmpty || queues.contains(where: \.isRunnable)) }

    /// All its queues, in a fixed order.
    var queues: [Queue] {
        var queues: [Queue] = []
        for context in contexts.inOrder {
            queues += [context.queue, context.updates]
            queues += context.hwQueues.inOrder.map(\.queue)
        }
        return queues + drainingQueues.sorted { $0.key < $1.key }.map(\.value)
    }
}

/// What GETDEVICESTATE(PAGE_FAULT) tells of the fault that ended a device.
struct PageFaultRecord {
    /// 0 where the processor gave no address.
    let address: UInt64
    let isWrite: Bool
}

extension Dictionary where Key == D3DKMTHandle {
    /// The values in the order of their handles, so that nothing depends on hashing.
    var inOrder: [Value] { sorted { $0.key < $1.key }.map(\.value) }
}
