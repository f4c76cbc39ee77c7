import DXGProtocol
import DequeModule

/// A FIFO of packets that executes strictly in order: a context's, a hardware queue's, or the one of a context's
/// GPU virtual address updates (docs/protocol/semantics.md 6.1).
final class Queue {
    let device: Device
    let node: Node
    /// Where it stands in line when it wants the node.
    let line: ReadyLine
    /// Its position among all queues ever made, for a stable order.
    let sequence: UInt64
    var disablesTimeout: Bool
    /// Scheduling priority, -7 to 7, and the one among the process's own (docs/protocol/semantics.md 7).
    var priority: Int32 = 0
    var inProcessPriority: Int32 = 0
    var packets: Deque<Packet> = []
    var state = State.idle
    /// Whether the model has it on its list of queues to look at.
    var isPending = false
    /// When it last became ready, in the order of all queues and in the model's time.
    var readySince: UInt64 = 0
    var readyAt = Instant(nanoseconds: 0)

    enum State {
        /// Nothing at the head that has been looked at.
        case idle
        /// A Wait packet at the head is not satisfied.
        case waiting(QueueWait)
        /// A Submit packet at the head wants its node.
        case ready
        /// Its Submit packet is on a worker.
        case running(RunningJob)
    }

    init(device: Device, node: Node, line: ReadyLine, sequence: UInt64, disablesTimeout: Bool) {
        self.device = device
        self.node = node
        self.line = line
        self.sequence = sequence
        self.disablesTimeout = disablesTimeout
    }

    /// What is queued, oldest first.
    var queued: [Packet] { Array(packets) }

    /// Whether something is queued or on a worker.
    var hasWork: Bool {
        if case .running = state { true } else { !packets.isEmpty }
    }

    /// Whether it runs something or could.
    var isRunnable: Bool {
        switch state {
        case .ready, .running: true
        case .idle, .waiting: false
        }
    }

    /// Whether it comes before another queue of its address space.
    func precedes(_ other: Queue) -> Bool {
        if priority != other.priority { return priority > other.priority }
        if inProcessPriority != other.inProcessPriority { return inProcessPriority > other.inProcessPriority }
        return readySince < other.readySince
    }
}

enum Packet {
    case submit(Submission)
    case signal(SignalPacket)
    case wait(WaitPacket)
    case updateAddresses(AddressUpdate)
    case checkpoint(Checkpoint)

    /// As what it counts in statistics.
    var use: NodeUse.Kind? {
        switch self {
        case .submit: .render
        case .signal: .signal
        case .wait: .wait
        case .updateAddresses, .checkpoint: nil
        }
    }

    /// How much it counts towards the limit of what a process may have queued: one for each thing that it names.
    var weight: Int {
        switch self {
        case .submit: 1
        case .signal(let signal): max(signal.objects.count, 1)
        case .wait(let wait): wait.objects.count
        case .updateAddresses(let update): max(update.operations.count, 1)
        case .checkpoint(let checkpoint): checkpoint.allocations.count
        }
    }
}

/// Memory that goes when all the work has ended that was queued before (docs/protocol/semantics.md 10, CMD 5, and 12,
/// CMD 12).
final class Checkpoint {
    let allocations: [Allocation]
    let kind: Kind
    var queuesLeft: Int

    enum Kind {
        case destruction
        case withdrawal
    }

    init(_ kind: Kind, of allocations: [Allocation], queues: Int) {
        self.kind = kind
        self.allocations = allocations
        queuesLeft = queues
    }
}

/// A command buffer to run.
struct Submission {
    let commandBuffer: UInt64
    /// Bytes.
    let length: UInt64
    /// Complete in order without executing.
    let isNull: Bool
    /// The value that the hardware queue's progress fence gets afterwards.
    let progress: (fence: SyncObject, value: UInt64)?
}

/// A signal, queued on one or more queues; it takes effect when the last of them has come to it.
final class SignalPacket {
    let objects: [(object: SyncObject, value: UInt64)]
    /// Guest event to signal instead of objects (EnqueueCpuEvent), or 0.
    let event: UInt64
    let process: GuestProcess
    let allowsRewind: Bool
    /// Does not wait for the end of the command buffer before it, only for its start.
    let isAtSubmission: Bool
    var queuesLeft: Int

    init(
        objects: [(object: SyncObject, value: UInt64)], event: UInt64, process: GuestProcess, allowsRewind: Bool,
        isAtSubmission: Bool, queues: Int
    ) {
        self.objects = objects
        self.event = event
        self.process = process
        self.allowsRewind = allowsRewind
        self.isAtSubmission = isAtSubmission
        queuesLeft = queues
    }
}

/// All objects must reach their targets. The objects are held here: closing a handle does not cancel the wait.
struct WaitPacket {
    let objects: [SyncObject]
    let targets: [UInt64]
}

/// One UPDATEGPUVIRTUALADDRESS, checked when it was queued and applied in its turn.
struct AddressUpdate {
    let space: AddressSpace
    var operations: [AddressOperation] = []
    /// Mappings that it makes, at the most.
    var pieces = 0
    /// The reserved region that all destinations are in, by its id, and the one of the sources of copies.
    var destination: UInt64?
    var source: UInt64?

    init(space: AddressSpace) { self.space = space }
}

/// A command buffer that is on a worker.
final class RunningJob {
    let id: JobID
    let space: AddressSpace
    let device: Device
    let queue: Queue
    let submission: Submission
    let startedAt: Instant
    /// When the model gives up on it, if ever.
    let deadline: Instant?
    /// When it must have left its node, once it was told to stop.
    var stopDeadline: Instant?
    /// Fences that it could write, in the order of the job's `fenceOffsets`.
    let fences: [SyncObjectOpen]
    var ending = Ending.own
    /// Replies that wait for its end.
    var completions: [DeferredReply] = []

    enum Ending {
        case own
        /// Stopped because it ran longer than the packet timeout.
        case timedOut
        /// Stopped because its device is lost, flushed or gone: its end has no effect on queues.
        case discarded
    }

    init(
        id: JobID, space: AddressSpace, device: Device, queue: Queue, submission: Submission, startedAt: Instant,
        deadline: Instant?, fences: [SyncObjectOpen]
    ) {
        self.id = id
        self.space = space
        self.device = device
        self.queue = queue
        self.submission = submission
        self.startedAt = startedAt
        self.deadline = deadline
        self.fences = fences
    }
}

/// A reply that a few things have to happen before.
final class DeferredReply {
    let completion: Completion
    let bytes: [UInt8]
    var outstanding = 0

    init(completion: Completion, bytes: [UInt8]) {
        self.completion = completion
        self.bytes = bytes
    }
}

/// A flush that waits for its devices to come to rest.
struct PendingFlush {
    let devices: [Device]
    let reply: DeferredReply
    let deadline: Instant
}

/// Where the answer to a request goes.
struct Completion {
    let guest: GuestID
    /// The guest's connection that the request came by.
    let connection: Int
    let channel: Channel
    let transaction: UInt64
}

/// A context (docs/protocol/semantics.md 6).
final class Context {
    unowned let device: Device
    var handle = D3DKMTHandle.none
    let nodeOrdinal: Int
    /// Parent of hardware queues: takes no packets itself.
    let hasHwQueues: Bool
    /// Only Wait and Signal packets.
    let isSynchronizationOnly: Bool
    let isNullRendering: Bool
    let disablesTimeout: Bool
    let queue: Queue
    /// GPU virtual address updates of this context.
    let updates: Queue
    var hwQueues: [D3DKMTHandle: HwQueue] = [:]
    var priority: Int32 = 0
    var inProcessPriority: Int32 = 0

    init(
        device: Device, nodeOrdinal: Int, flags: ContextFlags, queue: Queue, updates: Queue
    ) {
        self.device = device
        self.nodeOrdinal = nodeOrdinal
        hasHwQueues = flags.contains(.hwQueueSupported)
        isSynchronizationOnly = flags.contains(.synchronizationOnly)
        isNullRendering = flags.contains(.nullRendering)
        disablesTimeout = flags.contains(.disableGpuTimeout)
        self.queue = queue
        self.updates = updates
    }
}

/// D3DDDI_CREATECONTEXTFLAGS; unknown bits are ignored (docs/protocol/semantics.md 6, CREATECONTEXTVIRTUAL).
struct ContextFlags: OptionSet {
    let rawValue: UInt32

    static let nullRendering = ContextFlags(rawValue: 1 << 0)
    static let initialData = ContextFlags(rawValue: 1 << 1)
    static let disableGpuTimeout = ContextFlags(rawValue: 1 << 2)
    static let synchronizationOnly = ContextFlags(rawValue: 1 << 3)
    static let hwQueueSupported = ContextFlags(rawValue: 1 << 4)
}

/// A hardware queue of a context.
final class HwQueue {
    unowned let context: Context
    var handle = D3DKMTHandle.none
    let queue: Queue
    let progressFence: SyncObjectOpen
    /// The highest progress fence id submitted so far.
    var lastProgressID: UInt64 = 0

    init(context: Context, queue: Queue, progressFence: SyncObjectOpen) {
        self.context = context
        self.queue = queue
        self.progressFence = progressFence
    }
}

/// A paging queue (docs/protocol/semantics.md 9).
final class PagingQueue {
    unowned let device: Device
    var handle = D3DKMTHandle.none
    let priority: Int32
    let fence: SyncObjectOpen
    /// The last operation done, and the last one asked for; 0 before the first asynchronous one.
    var completed: UInt64 = 0
    var submitted: UInt64 = 0
    var operations: Deque<(value: UInt64, operation: PagingOperation)> = []

    init(device: Device, priority: Int32, fence: SyncObjectOpen) {
        self.device = device
        self.priority = priority
        self.fence = fence
    }
}
