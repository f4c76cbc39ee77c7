import DXGProtocol

/// Processes and the guest as a whole (docs/protocol/semantics.md 2 and 3).
extension SoftGPU {
    func createProcess(_ request: MessageView<CreateProcess.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let machine = call.machine
        let units = request.processName
        var name = ""
        for index in units.indices {
            let unit = units[index]
            guard unit != 0 else { break }
            name.unicodeScalars.append(Unicode.Scalar(unit) ?? "\u{fffd}")
        }
        // The table hands out the handle, so the process is made around a place that is its own afterwards.
        let pid = request.processId
        guard
            let handle = machine.processes.insert(make: { handle in
                GuestProcess(machine: machine, handle: handle, pid: pid, name: name)
            })
        else { throw Refusal(.noMemory, "the guest has too many processes") }
        var reply = MessageBuilder<CreateProcess.Reply>()
        reply.hprocess = handle
        return reply.bytes
    }

    func destroyProcess(_ request: MessageView<DestroyProcess.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let process = try call.requireProcess()
        let spaces = process.devices.flatMap(\.spacesOfGuestPages)
        destroy(process)
        return answer(call, whenUnseenBy: spaces)
    }

    /// Everything that a process has left, orphans of killed threads included.
    func destroy(_ process: GuestProcess) {
        let devices = process.devices
        // First what runs: then one barrier, which passes with the ends of the workers, is enough for all memory.
        for device in devices { terminate(device) }
        for case .some(let space) in process.spaces { close(space) }
        for device in devices { destroy(device) }
        // What is left hangs off no device: objects of the types 1 to 4 (docs/protocol/semantics.md 8.1).
        for case .syncObject(let open) in process.objects.objects { close(open) }
        for adapter in process.machine.adapters {
            for group in [SegmentGroup.local, .nonLocal] {
                changeClaim(of: process, on: adapter, group) {
                    process.reservedBytes[adapter.index][group.rawValue] = 0
                }
            }
        }
        process.machine.processes.remove(process.handle)
    }

    /// Ends an address space with all that runs in it.
    func close(_ space: AddressSpace) {
        let worker = space.isOpen ? space.id : nil
        space.close()
        depart(worker, from: space)
    }

    /// Ends the worker of an address space that another one takes the place of.
    func restart(_ space: AddressSpace) {
        let worker = space.isOpen ? space.id : nil
        space.restart(as: AddressSpaceID(rawValue: freshID()))
        depart(worker, from: space)
    }

    private func depart(_ worker: AddressSpaceID?, from space: AddressSpace) {
        guard let worker else { return }
        let machine = space.process.machine
        noteDeparture(of: worker, from: space, machine)
        forgetJobs(in: space, machine)
    }

    /// Jobs of a worker that was told to end have no end of their own. Who waits for them waits for the worker.
    private func forgetJobs(in space: AddressSpace, _ machine: VirtualMachine) {
        for (id, job) in runningJobs.sorted(by: { $0.key < $1.key }) where job.space === space {
            runningJobs[id] = nil
            job.device.runningJobs[id] = nil
            job.queue.state = .idle
            let node = job.queue.node
            node.end(job, nanoseconds: 0)
            for reply in job.completions {
                answer(reply, of: machine, after: [space])
                settle(reply)
            }
            look(at: job.queue)
            fill(node)
        }
    }

    /// Ends everything of a guest: it went away, or began anew.
    func tearDown(_ machine: VirtualMachine) {
        for process in machine.processes.objects { destroy(process) }
        for name in machine.names.objects {
            if case .ntResource(let content) = name { releaseNamed(content) }
        }
    }

    func setIoSpaceRegion(_ request: MessageView<SetIoSpaceRegion.Request>, _ call: Call) throws(Refusal) {
        let machine = call.machine
        let start = request.start
        let length = request.length
        guard start.isMultiple(ofPowerOfTwo: pageSize), length.isMultiple(ofPowerOfTwo: pageSize), length > 0,
            !start.addingReportingOverflow(length).overflow
        else { throw .invalid("the IO space region is not whole pages: \(start), \(length) bytes") }
        guard length <= machine.options.ioSpaceBytes else {
            throw .invalid("the IO space region has \(length) bytes, the IO space \(machine.options.ioSpaceBytes)")
        }
        guard machine.ioWindow == nil || machine.processes.count == 0 else {
            throw .invalid("the IO space region is in use")
        }
        machine.ioWindow = IOWindow(base: start, length: length)
    }
}
