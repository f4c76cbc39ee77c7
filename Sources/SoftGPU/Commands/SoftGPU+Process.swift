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

    func destroyProcess(_ request: MessageView<DestroyProcess.Request>, _ call: Call) throws(Refusal) {
        destroy(try call.requireProcess())
    }

    /// Everything that a process has left, orphans of killed threads included.
    func destroy(_ process: GuestProcess) {
        for device in process.devices { destroy(device) }
        // What is left hangs off no device: objects of the types 1 to 4 (docs/protocol/semantics.md 8.1).
        for case .syncObject(let open) in process.objects.objects { close(open) }
        for case .some(let space) in process.spaces { close(space) }
        process.machine.processes.remove(process.handle)
    }

    /// Ends an address space with all that runs in it.
    private func close(_ space: AddressSpace) {
        let jobs = runningJobs.values.filter { $0.space === space }.sorted { $0.id < $1.id }
        for job in jobs {
            runningJobs[job.id] = nil
            let node = job.queue.node
            node.running.removeAll { $0 === job }
            for reply in job.completions { settle(reply) }
            dispatch(node)
        }
        space.close()
    }

    /// Ends everything of a guest: it went away, or began anew.
    func tearDown(_ machine: VirtualMachine) {
        for process in machine.processes.objects { destroy(process) }
        for case let (id, .reply(reply)) in barriers where reply.completion.guest == machine.id { barriers[id] = nil }
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
