import DXGProtocol

/// A synchronization object: the state that all its opens share (docs/protocol/semantics.md 8.1).
final class SyncObject {
    unowned let machine: VirtualMachine
    let adapter: VirtualAdapter
    let kind: Kind
    let flags: SyncObjectFlags
    /// Value of a monitored or legacy fence, unsigned, without wrap.
    var value: UInt64
    /// Mutex: whether it is held. Semaphore: how often it can be taken.
    var isHeld = false
    var count: UInt32 = 0
    let maximumCount: UInt32
    /// The guest event of a CPU notification object.
    let event: UInt64

    var opens = OrderedList<SyncObjectOpen>()
    /// VM-wide name of a shared object.
    var globalHandle = D3DKMTHandle.none
    /// NT-shared handles that keep it alive.
    var nameCount = 0
    var waiters = WaiterList()

    /// D3DDDI_SYNCHRONIZATIONOBJECT_TYPE.
    enum Kind: UInt32 {
        case mutex = 1
        case semaphore = 2
        case fence = 3
        case cpuNotification = 4
        case monitoredFence = 5
        case periodicMonitoredFence = 6
    }

    init(
        machine: VirtualMachine, adapter: VirtualAdapter, kind: Kind,
        flags: SyncObjectFlags = SyncObjectFlags(rawValue: 0),
        value: UInt64 = 0, maximumCount: UInt32 = 0, event: UInt64 = 0
    ) {
        self.machine = machine
        self.adapter = adapter
        self.kind = kind
        self.flags = flags
        self.value = value
        self.maximumCount = maximumCount
        self.event = event
    }

    var isMonitored: Bool { kind == .monitoredFence }

    /// Whether it is waited for by value.
    var isFence: Bool { kind == .monitoredFence || kind == .fence || kind == .periodicMonitoredFence }

    /// Whether somebody could still signal it.
    var isAlive: Bool { !opens.isEmpty || nameCount > 0 }
}

/// D3DDDI_SYNCHRONIZATIONOBJECT_FLAGS (docs/protocol/semantics.md 8.1).
struct SyncObjectFlags: OptionSet {
    let rawValue: UInt32

    static let shared = SyncObjectFlags(rawValue: 1 << 0)
    static let ntSecuritySharing = SyncObjectFlags(rawValue: 1 << 1)
    static let crossAdapter = SyncObjectFlags(rawValue: 1 << 2)
    static let topOfPipeline = SyncObjectFlags(rawValue: 1 << 3)
    static let noSignal = SyncObjectFlags(rawValue: 1 << 4)
    static let noWait = SyncObjectFlags(rawValue: 1 << 5)
    static let noSignalMaxValueOnTdr = SyncObjectFlags(rawValue: 1 << 6)
    static let noGPUAccess = SyncObjectFlags(rawValue: 1 << 7)
    static let signalByKmd = SyncObjectFlags(rawValue: 1 << 8)
}

/// A process's handle to a synchronization object.
final class SyncObjectOpen: Ordered {
    let order: UInt64
    let object: SyncObject
    let process: GuestProcess
    /// The device it was made on. Monitored fences die with it.
    weak var device: Device?
    /// The adapter of that device.
    let adapter: VirtualAdapter
    var handle = D3DKMTHandle.none
    let flags: SyncObjectFlags
    let role: Role
    /// Offset of its page in the guest's IO space; monitored fences only.
    var page: UInt64?
    /// GPU virtual address of the same page, or 0.
    var gpuAddress: UInt64 = 0
    /// The last value that this side put into the page, to know a write of the GPU by.
    var published: UInt64 = 0
    var isClosed = false
    /// CPU waits made through this handle that have not fired, by their order.
    var waits: [UInt64: CPUWait] = [:]

    enum Role {
        case user
        /// Dies with its paging queue.
        case pagingFence
        /// Dies with its hardware queue.
        case progressFence
    }

    init(order: UInt64, object: SyncObject, device: Device, flags: SyncObjectFlags, role: Role = .user) {
        self.order = order
        self.object = object
        process = device.process
        self.device = device
        adapter = device.adapter
        self.flags = flags
        self.role = role
    }
}

/// One WAITFORSYNCOBJECTFROMCPU that has not fired (docs/protocol/semantics.md 8.5).
final class CPUWait {
    /// Higher than that of every wait before it.
    let order: UInt64
    /// Whose wait it is, until it is done: an entry that is left in a list of waiters must hold nothing.
    private(set) var subject: (device: Device, opens: [SyncObjectOpen])?
    /// The guest's event id; signalled exactly once.
    let event: UInt64
    let targets: [UInt64]
    let isAny: Bool
    /// An object once seen satisfied counts as satisfied (docs/protocol/semantics.md 8.2, wait-all evaluation).
    var latched: [Bool]

    init(
        order: UInt64, device: Device, event: UInt64, opens: [SyncObjectOpen], targets: [UInt64], isAny: Bool
    ) {
        self.order = order
        subject = (device, opens)
        self.event = event
        self.targets = targets
        self.isAny = isAny
        latched = Array(repeating: false, count: opens.count)
    }

    var isDone: Bool { subject == nil }

    /// Ends it, and gives whose it was.
    func finish() -> (device: Device, opens: [SyncObjectOpen])? {
        defer { subject = nil }
        return subject
    }

    var isSatisfied: Bool { isAny ? latched.contains(true) : !latched.contains(false) }
}

/// A Wait packet that has come to the head of its queue.
final class QueueWait {
    /// Until it is done: an entry that is left in a list of waiters must hold nothing.
    private(set) var subject: (queue: Queue, objects: [SyncObject])?
    let targets: [UInt64]
    var latched: [Bool]

    init(queue: Queue, objects: [SyncObject], targets: [UInt64]) {
        subject = (queue, objects)
        self.targets = targets
        latched = Array(repeating: false, count: objects.count)
    }

    var isDone: Bool { subject == nil }

    /// Ends it, and gives whose it was.
    func finish() -> (queue: Queue, objects: [SyncObject])? {
        defer { subject = nil }
        return subject
    }

    var isSatisfied: Bool { !latched.contains(false) }
}
