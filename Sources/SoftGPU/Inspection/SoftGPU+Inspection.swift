import DXGProtocol

/// What an operator may see of the model. Nothing here changes it.
extension SoftGPU {
    /// What a guest has; nil where no such guest is connected.
    public func inspect(_ guest: GuestID) -> GuestInspection? {
        guard let machine = machines[guest] else { return nil }
        let limits = machine.options.limits
        return GuestInspection(
            interfaceVersion: machine.interfaceVersion.rawValue,
            memory: .init(used: machine.committedBytes, limit: limits.memory),
            ioSpace: .init(used: machine.ioPages.used, limit: machine.ioPages.capacity),
            objects: .init(used: UInt64(machine.objectCount), limit: UInt64(limits.objects)),
            sharedObjects: .init(used: UInt64(machine.shareableObjects), limit: UInt64(limits.sharedObjects)),
            adapters: machine.adapters.map(inspect), processes: machine.processes.objects.map(inspect))
    }

    private func inspect(_ adapter: VirtualAdapter) -> VirtualAdapterInspection {
        VirtualAdapterInspection(
            index: adapter.index, name: adapter.physical.profile.name,
            state: state(of: adapter), timeouts: adapter.timeoutCount)
    }

    private func state(of adapter: VirtualAdapter) -> VirtualAdapterInspection.State {
        switch adapter.outage {
        case .offline: .offline
        case .stopped: .stopped
        case nil: adapter.handle == nil ? .closed : .open
        }
    }

    private func inspect(_ process: GuestProcess) -> ProcessInspection {
        var memory: [MemoryInspection] = []
        for adapter in process.machine.adapters {
            for (group, name) in [(SegmentGroup.local, MemoryInspection.Group.local), (.nonLocal, .nonLocal)] {
                memory.append(
                    MemoryInspection(
                        adapter: adapter.index, group: name, budget: budget(of: process, on: adapter, group),
                        resident: process.residentBytes[adapter.index][group.rawValue],
                        committed: process.committedBytes[adapter.index][group.rawValue],
                        reserved: process.reservedBytes[adapter.index][group.rawValue]))
            }
        }
        return ProcessInspection(
            handle: "\(process.handle)", pid: process.pid, name: process.name, objects: counts(process),
            waiters: process.cpuWaiters, queuedPackets: process.queuedPackets, memory: memory,
            devices: process.devices.map(inspect))
    }

    private func counts(_ process: GuestProcess) -> ObjectCounts {
        var counts = ObjectCounts()
        for object in process.objects.objects {
            switch object {
            case .device: counts.devices += 1
            case .context: counts.contexts += 1
            case .hwQueue: counts.hwQueues += 1
            case .pagingQueue: counts.pagingQueues += 1
            case .allocation: counts.allocations += 1
            case .resource: counts.resources += 1
            case .syncObject: counts.syncObjects += 1
            }
        }
        return counts
    }

    private func inspect(_ device: Device) -> DeviceInspection {
        DeviceInspection(
            handle: "\(device.handle)", adapter: device.adapter.index, state: "\(device.state)",
            queues: device.namedQueues.filter(\.queue.hasWork).map { inspect($0.queue, $0.name) })
    }

    /// What a queue does.
    func inspect(_ queue: Queue, _ name: QueueName) -> QueueInspection {
        var inspection = QueueInspection(name: name, packets: queue.packets.count, state: .idle, waitsFor: [])
        switch queue.state {
        case .idle: break
        case .waiting(let wait):
            inspection.state = .waiting
            let objects = wait.subject?.objects ?? []
            for (index, object) in objects.enumerated() where !wait.latched[index] {
                inspection.waitsFor.append(
                    PendingTarget(fence: object.inspectionName, value: object.value, target: wait.targets[index]))
            }
        case .ready:
            inspection.state = .ready
            inspection.nodeIsRunning = queue.node.running.count
        case .running(let job):
            inspection.state = .running
            inspection.runningMilliseconds = Self.milliseconds(from: job.startedAt, to: now)
            inspection.millisecondsToTimeout = job.deadline.map { Self.milliseconds(from: now, to: $0) }
        }
        return inspection
    }

    static func milliseconds(from start: Instant, to end: Instant) -> UInt64 {
        end < start ? 0 : (end.nanoseconds - start.nanoseconds) / 1_000_000
    }
}

extension Device {
    /// All its queues with their names, in the order of ``queues``.
    var namedQueues: [(queue: Queue, name: QueueName)] {
        var named: [(queue: Queue, name: QueueName)] = []
        func add(_ queue: Queue, _ kind: QueueName.Kind, _ handle: D3DKMTHandle?) {
            let name = QueueName(
                process: "\(process.handle)", device: "\(self.handle)", kind: kind, handle: handle.map { "\($0)" },
                node: queue.node.ordinal)
            named.append((queue, name))
        }
        for context in contexts.inOrder {
            add(context.queue, .context, context.handle)
            add(context.updates, .updates, context.handle)
            for hwQueue in context.hwQueues.inOrder { add(hwQueue.queue, .hwQueue, hwQueue.handle) }
        }
        for (_, queue) in drainingQueues.sorted(by: { $0.key < $1.key }) { add(queue, .draining, nil) }
        return named
    }
}

extension SyncObject {
    var inspectionName: FenceName {
        FenceName(
            process: opens.first.map { "\($0.process.handle)" }, handle: opens.first.map { "\($0.handle)" })
    }
}
