public import DXGProtocol
public import VMBus

/// The software GPU of a whole host: its adapters, and everything that every connected guest has on them.
///
/// The model is pure. Inputs are a guest's messages, the ends of jobs, the passing of barriers and of time; outputs are
/// the effects that each input has, in order. It reads no clock, does no input or output, and holds no lock: the same
/// inputs give the same effects. How Windows answers each command: docs/protocol/semantics.md.
public final class SoftGPU {
    public let options: SoftGPUOptions
    let policy: any SchedulingPolicy
    let adapters: [PhysicalAdapter]
    var machines: [GuestID: VirtualMachine] = [:]

    let effects = EffectLog()
    var now = Instant(nanoseconds: 0)

    /// Queues whose heads have to be looked at before an input is done, and nodes that may have room.
    var pendingQueues: [Queue] = []
    var pendingNodes: [Node] = []
    var runningJobs: [JobID: RunningJob] = [:]
    var barriers: [BarrierID: PendingBarrier] = [:]
    /// Flushes that are not answered, oldest first.
    var flushes: [PendingFlush] = []
    /// Devices with a paging operation that takes time.
    var pagingDevices: [ObjectIdentifier: Device] = [:]
    /// What the input that is being handled lets go.
    var releases: [Releases] = []

    private var lastID: UInt64 = 0

    /// A host without guests. The policy chooses among queues that could run.
    public init(options: SoftGPUOptions, policy: any SchedulingPolicy = FairSharePolicy()) {
        self.options = options
        self.policy = policy
        adapters = options.adapters.map { PhysicalAdapter(profile: $0) }
    }

    // MARK: Inputs

    /// A guest is there. Its id must not have been used before.
    public func connect(_ guest: GuestID, options: GuestOptions, at time: Instant) -> [Effect] {
        input(at: time) {
            let virtual = options.adapters.enumerated().map { index, adapter in
                VirtualAdapter(
                    index: index, vgpuLUID: adapter.vgpuLUID, physical: adapters[adapter.physicalAdapter])
            }
            machines[guest] = VirtualMachine(id: guest, options: options, adapters: virtual)
        }
    }

    /// The guest's driver has negotiated an interface version in configuration space.
    public func negotiate(_ guest: GuestID, version: InterfaceVersion) {
        machines[guest]?.interfaceVersion = version
    }

    /// The guest has shared regions of its memory by descriptor.
    public func shareMemory(_ guest: GuestID, regions: [GuestMemoryRegion]) {
        machines[guest]?.sharedRegions = regions
    }

    /// A GPADL of the guest is established (docs/protocol/vmbus.md 1.3).
    public func gpadlCreated(_ guest: GuestID, id: UInt32, ranges: [GuestPhysicalRange]) {
        machines[guest]?.gpadls[id] = ranges
    }

    /// A GPADL of the guest is gone.
    public func gpadlTornDown(_ guest: GuestID, id: UInt32) {
        machines[guest]?.gpadls[id] = nil
    }

    /// The guest's VMBus connection has ended or begun anew: everything on it is gone, the guest stays.
    public func reset(_ guest: GuestID, at time: Instant) -> [Effect] {
        input(at: time) {
            guard let machine = machines[guest] else { return }
            tearDown(machine)
            machine.reset()
        }
    }

    /// The guest is gone, as if its machine had been switched off.
    public func disconnect(_ guest: GuestID, at time: Instant) -> [Effect] {
        input(at: time) {
            guard let machine = machines.removeValue(forKey: guest) else { return }
            tearDown(machine)
            for adapter in adapters { for node in adapter.nodes { node.forget(guest) } }
        }
    }

    /// A packet of the guest: `data` is what follows the VMBus descriptor, padding included. `transaction` is nil
    /// where the guest asked for no completion.
    public func receive(
        _ data: RawSpan, from guest: GuestID, on channel: Channel, transaction: UInt64?, at time: Instant
    ) -> [Effect] {
        now = max(now, time)
        guard let machine = machines[guest] else { return [] }
        dispatch(data, from: machine, on: channel, transaction: transaction)
        settle()
        return effects.take()
    }

    /// A job has ended. `fences` are the values found at the job's `fenceOffsets`, in their order.
    public func jobEnded(
        _ id: JobID, outcome: JobOutcome, fences: [UInt64], startedAt: Instant, endedAt: Instant, at time: Instant
    ) -> [Effect] {
        input(at: time) {
            let nanoseconds = endedAt.nanoseconds &- startedAt.nanoseconds
            end(id, outcome: outcome, fences: fences, nanoseconds: endedAt < startedAt ? 0 : nanoseconds)
        }
    }

    /// All maps and unmaps before the barrier are done.
    public func barrierPassed(_ id: BarrierID, at time: Instant) -> [Effect] {
        input(at: time) {
            if let barrier = barriers.removeValue(forKey: id) { pass(barrier) }
        }
    }

    /// The worker of an address space cannot go on (it could not be started, or the kernel refused a mapping): what
    /// the process has on this adapter is in error. A device that it creates afterwards gets a new worker.
    public func addressSpaceFailed(_ id: AddressSpaceID, reason: String, at time: Instant) -> [Effect] {
        input(at: time) {
            for machine in machines.values {
                for process in machine.processes.objects {
                    guard let space = process.spaces.first(where: { $0?.id == id }) ?? nil, space.isOpen else {
                        continue
                    }
                    report(.warning, process, "", nil, "the GPU address space failed: \(reason)")
                    lose(process.devices.filter { $0.adapter === space.adapter }.map { ($0, .errorOutOfMemory) })
                    restart(space)
                }
            }
        }
    }

    /// Time has come to ``nextDeadline`` or beyond.
    public func advance(to time: Instant) -> [Effect] {
        input(at: time) {
            expireJobs()
            expirePaging()
            for adapter in adapters { for node in adapter.nodes { fill(node) } }
        }
    }

    /// When ``advance(to:)`` should be called next, if nothing else happens.
    public var nextDeadline: Instant? {
        var earliest = [nextPagingDeadline, flushes.map(\.deadline).min()].compactMap { $0 }.min()
        for adapter in adapters {
            for node in adapter.nodes {
                for job in node.running {
                    if let deadline = job.stopDeadline ?? job.deadline {
                        earliest = min(earliest ?? deadline, deadline)
                    }
                    let sliceEnd = job.startedAt.advanced(by: Self.sliceNanoseconds)
                    if !node.lines.isEmpty, sliceEnd > now { earliest = min(earliest ?? sliceEnd, sliceEnd) }
                }
            }
        }
        return earliest
    }

    func input(at time: Instant, _ body: () -> Void) -> [Effect] {
        now = max(now, time)
        body()
        settle()
        return effects.take()
    }

    // MARK: Shared helpers

    /// A number that no other object of this model has.
    func freshID() -> UInt64 {
        lastID += 1
        return lastID
    }

    func report(
        _ severity: Diagnostic.Severity, _ process: GuestProcess, _ command: String, _ status: NTStatus?,
        _ reason: String
    ) {
        effects.append(
            .report(
                Diagnostic(
                    severity: severity, guest: process.machine.id, process: (process.handle, process.pid),
                    command: command, status: status, reason: reason)))
    }

    /// The process's address space on an adapter, made if there is none.
    func space(of process: GuestProcess, on adapter: VirtualAdapter) -> AddressSpace {
        if let space = process.spaces[adapter.index] { return space }
        let space = AddressSpace(
            id: AddressSpaceID(rawValue: freshID()), process: process, adapter: adapter, effects: effects)
        process.spaces[adapter.index] = space
        return space
    }
}
