import DXGProtocol

/// Devices that come into error (docs/protocol/semantics.md 5).
extension SoftGPU {
    func lose(_ device: Device, _ state: DeviceExecutionState, pageFault: PageFaultRecord? = nil) {
        lose([(device, state)], pageFault: pageFault)
    }

    /// The device-loss procedure for the devices of one event, all of one guest, in its exact order
    /// (docs/protocol/semantics.md 5.2).
    func lose(_ losses: [(device: Device, state: DeviceExecutionState)], pageFault: PageFaultRecord? = nil) {
        let losses = losses.filter { $0.device.state == .active && !$0.device.isDestroyed }
        for (device, state) in losses {
            device.state = state
            device.pageFault = pageFault
        }
        let events = losses.flatMap { discardWork(of: $0.device) }
        let fences = losses.flatMap { $0.device.fences.inOrder }.filter { open in
            !open.flags.contains(.noSignal) && !open.object.flags.contains(.noSignalMaxValueOnTdr)
        }
        for open in fences where open.object.value != Self.lossMarker {
            open.object.value = Self.lossMarker
            publish(open.object)
        }
        tellState(of: losses.map(\.device))
        for (process, event) in events { notify(process, event: event, isLast: true) }
        for open in fences { wake(open.object) }
    }

    /// The devices that a guest has on a virtual GPU, in the order of their processes and handles.
    func devices(on adapter: VirtualAdapter, of machine: VirtualMachine) -> [Device] {
        machine.processes.objects.flatMap { $0.devices.filter { $0.adapter === adapter } }
    }

    /// Stops the devices of a virtual GPU, which takes no new ones.
    func stop(_ adapter: VirtualAdapter, machine: VirtualMachine, _ outage: VirtualAdapter.Outage) {
        guard adapter.outage != .offline else { return }
        adapter.outage = outage
        lose(devices(on: adapter, of: machine).map { ($0, .stopped) })
        if outage == .offline { effects.append(.removeVirtualGPU(machine.id, index: adapter.index)) }
    }

    /// Makes the guest forget the execution states that it remembers. Linux gives the same cookie for all devices, so
    /// that one message is enough for an event (docs/protocol/semantics.md 5.2).
    private func tellState(of devices: [Device]) {
        var told: [UInt64] = []
        for device in devices where !told.contains(device.errorCookie) {
            told.append(device.errorCookie)
            var message = MessageBuilder<SetGuestData.Message>()
            message.setHeader()
            message.guestPointer = device.errorCookie
            message.data32 = 1
            effects.append(.notify(device.process.machine.id, message.bytes))
        }
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
