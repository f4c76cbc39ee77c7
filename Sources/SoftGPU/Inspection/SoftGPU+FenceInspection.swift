import DXGProtocol

/// Why a fence does not retire: who waits for it, which queued signals would end that, and what holds those up.
extension SoftGPU {
    /// The synchronization objects of a guest that somebody waits for, or with `all` every one of them, in the order of
    /// their handles. nil where no such guest is connected.
    public func inspectFences(of guest: GuestID, all: Bool = false) -> [FenceInspection]? {
        guard let machine = machines[guest] else { return nil }
        var objects: [SyncObject] = []
        var seen: Set<ObjectIdentifier> = []
        var queues: [(queue: Queue, name: QueueName)] = []
        for process in machine.processes.objects {
            for open in process.opens where seen.insert(ObjectIdentifier(open.object)).inserted {
                objects.append(open.object)
            }
            for device in process.devices { queues += device.namedQueues.filter(\.queue.hasWork) }
        }
        var signallers: [ObjectIdentifier: [SignallerInspection]] = [:]
        for (queue, name) in queues { collectSignallers(of: queue, name, into: &signallers) }
        for process in machine.processes.objects {
            for device in process.devices { collectPaging(of: device, into: &signallers) }
        }
        return objects.compactMap { object in
            let waiters = waiters(of: object)
            guard all || !waiters.isEmpty else { return nil }
            return inspect(object, waiters, signallers[ObjectIdentifier(object)] ?? [])
        }
    }

    private func inspect(
        _ object: SyncObject, _ waiters: [WaiterInspection], _ signallers: [SignallerInspection]
    ) -> FenceInspection {
        let value: UInt64 =
            switch object.kind {
            case .mutex: object.isHeld ? 1 : 0
            case .semaphore: UInt64(object.count)
            default: object.value
            }
        var processes: [String] = []
        for open in object.opens.elements where !processes.contains("\(open.process.handle)") {
            processes.append("\(open.process.handle)")
        }
        let isGPUWritable = object.opens.elements.contains { open in
            open.process.gpuFences[open.adapter.index][open.handle] != nil
        }
        return FenceInspection(
            name: object.inspectionName, kind: .init(object.kind), role: .init(object.opens.first?.role ?? .user),
            value: value, isShared: object.flags.contains(.shared), processes: processes,
            isGPUWritable: isGPUWritable, waiters: waiters, signallers: signallers)
    }

    private func waiters(of object: SyncObject) -> [WaiterInspection] {
        object.waiters.waiting.compactMap { waiter, target in
            switch waiter.waiter {
            case .cpu(let wait):
                guard let process = wait.subject?.device.process else { return nil }
                return WaiterInspection(target: target, process: "\(process.handle)", event: wait.event)
            case .queue(let wait):
                guard let queue = wait.subject?.queue else { return nil }
                let name = queue.device.namedQueues.first { $0.queue === queue }?.name
                return WaiterInspection(
                    target: target, process: "\(queue.device.process.handle)", queue: name)
            }
        }
    }

    private func collectSignallers(
        of queue: Queue, _ name: QueueName, into signallers: inout [ObjectIdentifier: [SignallerInspection]]
    ) {
        let state = inspect(queue, name)
        func add(_ object: SyncObject, _ value: UInt64, ahead: Int, queuesLeft: Int = 1) {
            signallers[ObjectIdentifier(object), default: []].append(
                SignallerInspection(
                    value: value, queue: name, packetsAhead: ahead, queuesLeft: queuesLeft, blockedBy: state))
        }
        var running = 0
        if case .running(let job) = queue.state {
            running = 1
            if let progress = job.submission.progress { add(progress.fence, progress.value, ahead: 0) }
        }
        for (index, packet) in queue.packets.enumerated() {
            switch packet {
            case .signal(let signal):
                for (object, value) in signal.objects {
                    add(object, value, ahead: index + running, queuesLeft: signal.queuesLeft)
                }
            case .submit(let submission):
                if let progress = submission.progress { add(progress.fence, progress.value, ahead: index + running) }
            case .wait, .updateAddresses, .checkpoint: break
            }
        }
    }

    private func collectPaging(
        of device: Device, into signallers: inout [ObjectIdentifier: [SignallerInspection]]
    ) {
        for paging in device.pagingQueues.inOrder where !paging.operations.isEmpty {
            let name = QueueName(
                process: "\(device.process.handle)", device: "\(device.handle)", kind: .pagingQueue,
                handle: "\(paging.handle)", node: 0)
            var state = QueueInspection(name: name, packets: paging.operations.count, state: .ready, waitsFor: [])
            if let current = device.paging, current.queue === paging {
                state.state = .running
            }
            signallers[ObjectIdentifier(paging.fence.object), default: []] += paging.operations.enumerated().map {
                SignallerInspection(
                    value: $1.value, queue: name, packetsAhead: $0, queuesLeft: 1, blockedBy: state)
            }
        }
    }
}

extension GuestProcess {
    /// Every open of a synchronization object that it has, those of its queues included.
    fileprivate var opens: [SyncObjectOpen] {
        objects.objects.compactMap { object in
            if case .syncObject(let open) = object { open } else { nil }
        }
    }
}

extension FenceInspection.Kind {
    init(_ kind: SyncObject.Kind) {
        self =
            switch kind {
            case .mutex: .mutex
            case .semaphore: .semaphore
            case .fence: .fence
            case .cpuNotification: .cpuNotification
            case .monitoredFence: .monitoredFence
            case .periodicMonitoredFence: .periodicMonitoredFence
            }
    }
}

extension FenceInspection.Role {
    init(_ role: SyncObjectOpen.Role) {
        self =
            switch role {
            case .user: .user
            case .pagingFence: .pagingFence
            case .progressFence: .progressFence
            }
    }
}
