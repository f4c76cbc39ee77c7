import DXGProtocol

/// Devices that come into error (docs/protocol/semantics.md 5).
extension SoftGPU {
    /// The device-loss procedure, in its exact order (docs/protocol/semantics.md 5.2).
    func lose(_ device: Device, _ state: DeviceExecutionState, pageFault: PageFaultRecord? = nil) {
        guard device.state == .active, !device.isDestroyed else { return }
        device.state = state
        device.pageFault = pageFault
        let events = discardWork(of: device)
        let fences = device.fences.inOrder.filter { open in
            !open.flags.contains(.noSignal) && !open.object.flags.contains(.noSignalMaxValueOnTdr)
        }
        for open in fences {
            open.object.value = Self.lossMarker
            publish(open.object)
        }
        tellState(of: device)
        for (process, event) in events { notify(process, event: event, isLast: true) }
        for open in fences { wake(open.object) }
    }

    /// A guest whose work hangs again and again loses its virtual GPU, not the host
    /// (docs/protocol/semantics.md 5.1, TdrLimitCount).
    func countTimeout(of adapter: VirtualAdapter, machine: VirtualMachine) {
        adapter.timeoutCount &+= 1
        adapter.timeouts.append(now)
        adapter.timeouts.removeAll { $0.advanced(by: options.timeouts.windowNanoseconds) < now }
        guard adapter.timeouts.count > options.timeouts.limit, !adapter.isStopped else { return }
        effects.append(
            .report(
                Diagnostic(
                    severity: .warning, guest: machine.id, process: nil, command: "", status: nil,
                    reason: "vGPU \(adapter.index) goes offline after \(adapter.timeouts.count) timeouts")))
        stop(adapter, machine: machine)
    }

    /// Takes a virtual GPU offline: its devices are stopped, and it takes no new ones.
    func stop(_ adapter: VirtualAdapter, machine: VirtualMachine) {
        adapter.isStopped = true
        for process in machine.processes.objects {
            for device in process.devices where device.adapter === adapter { lose(device, .stopped) }
        }
    }

    /// Makes the guest forget the execution state that it remembers.
    private func tellState(of device: Device) {
        var message = MessageBuilder<SetGuestData.Message>()
        message.setHeader()
        message.guestPointer = device.errorCookie
        message.data32 = 1
        effects.append(.notify(device.process.machine.id, message.bytes))
    }

    /// Stops the running jobs of a device and drops what is queued; none of the queued signals takes effect.
    ///
    /// Gives the queued CPU events, which the caller sends when it is their time: their waiters would hang without them
    /// (docs/protocol/semantics.md 8.3).
    func discardWork(of device: Device) -> [(process: GuestProcess, event: UInt64)] {
        discardPaging(of: device)
        for job in device.runningJobs.sorted(by: { $0.key < $1.key }) { discard(job.value) }
        var packets: [Packet] = []
        for context in device.contexts.inOrder {
            packets += takeAll(from: context.queue)
            packets += takeAll(from: context.updates)
            for hwQueue in context.hwQueues.inOrder { packets += takeAll(from: hwQueue.queue) }
        }
        for queue in device.drainingQueues.sorted(by: { $0.key < $1.key }) { packets += takeAll(from: queue.value) }
        device.drainingQueues.removeAll()
        var events: [(process: GuestProcess, event: UInt64)] = []
        for packet in packets {
            switch packet {
            case .signal(let signal) where signal.event != 0 && signal.queuesLeft > 0:
                signal.queuesLeft = 0
                events.append((signal.process, signal.event))
            case .checkpoint(let checkpoint): arrive(at: checkpoint)
            case .signal, .wait, .submit, .updateAddresses: break
            }
        }
        return events
    }

    /// Empties a queue.
    private func takeAll(from queue: Queue) -> [Packet] {
        let packets = queue.queued
        queue.packets.removeAll()
        for packet in packets { queue.device.process.queuedPackets -= packet.weight }
        switch queue.state {
        case .waiting(let wait):
            cancel(wait)
            queue.state = .idle
        case .ready:
            queue.node.leave(queue)
            queue.state = .idle
        case .idle, .running: break
        }
        return packets
    }
}
