import DXGProtocol

/// One command as its handler sees it.
struct Call {
    let machine: VirtualMachine
    let channel: Channel
    let header: CommandHeader
    /// The process that the header names; nil where it names none.
    let process: GuestProcess?
    /// The adapter that a vGPU command was routed to.
    let adapter: VirtualAdapter?
    /// Where the answer goes; nil where the guest wants none.
    let completion: Completion?

    /// The process that the header must name.
    func requireProcess() throws(Refusal) -> GuestProcess {
        guard let process else { throw .invalid("no process \(header.process)") }
        return process
    }

    /// The adapter of a command on the vGPU channel.
    var target: VirtualAdapter {
        guard let adapter else { preconditionFailure("a global command has no adapter") }
        return adapter
    }

    /// An object of the process, or a refusal that names its handle.
    private func object(_ handle: D3DKMTHandle, _ what: String) throws(Refusal) -> ProcessObject {
        guard let object = try requireProcess().objects[handle] else { throw .invalid("\(handle) is no \(what)") }
        return object
    }

    private func check(_ device: Device, _ handle: D3DKMTHandle) throws(Refusal) {
        if let adapter, device.adapter !== adapter { throw .invalid("\(handle) is on another adapter") }
    }

    func device(_ handle: D3DKMTHandle) throws(Refusal) -> Device {
        guard case .device(let device) = try object(handle, "device") else { throw .invalid("\(handle) is no device") }
        try check(device, handle)
        return device
    }

    /// A device that takes new work.
    func activeDevice(_ handle: D3DKMTHandle) throws(Refusal) -> Device {
        let device = try device(handle)
        guard device.isActive else { throw .lost(device) }
        return device
    }

    func context(_ handle: D3DKMTHandle) throws(Refusal) -> Context {
        guard case .context(let context) = try object(handle, "context") else {
            throw .invalid("\(handle) is no context")
        }
        try check(context.device, handle)
        return context
    }

    func hwQueue(_ handle: D3DKMTHandle) throws(Refusal) -> HwQueue {
        guard case .hwQueue(let hwQueue) = try object(handle, "hardware queue") else {
            throw .invalid("\(handle) is no hardware queue")
        }
        try check(hwQueue.context.device, handle)
        return hwQueue
    }

    /// The queue behind a context or hardware-queue handle, as signals and waits name it
    /// (docs/protocol/semantics.md 6.2).
    func queue(_ handle: D3DKMTHandle) throws(Refusal) -> Queue {
        switch try object(handle, "context or hardware queue") {
        case .context(let context):
            try check(context.device, handle)
            guard !context.hasHwQueues else { throw .invalid("context \(handle) takes work by its hardware queues") }
            return context.queue
        case .hwQueue(let hwQueue):
            try check(hwQueue.context.device, handle)
            return hwQueue.queue
        default:
            throw .invalid("\(handle) is no context or hardware queue")
        }
    }

    func pagingQueue(_ handle: D3DKMTHandle) throws(Refusal) -> PagingQueue {
        guard case .pagingQueue(let queue) = try object(handle, "paging queue") else {
            throw .invalid("\(handle) is no paging queue")
        }
        try check(queue.device, handle)
        return queue
    }

    func allocation(_ handle: D3DKMTHandle, on device: Device? = nil) throws(Refusal) -> Allocation {
        guard case .allocation(let allocation) = try object(handle, "allocation") else {
            throw .invalid("\(handle) is no allocation")
        }
        try check(allocation.device, handle)
        if let device, allocation.device !== device { throw .invalid("allocation \(handle) is on another device") }
        return allocation
    }

    func resource(_ handle: D3DKMTHandle, on device: Device) throws(Refusal) -> Resource {
        guard case .resource(let resource) = try object(handle, "resource") else {
            throw .invalid("\(handle) is no resource")
        }
        guard resource.device === device else { throw .invalid("resource \(handle) is on another device") }
        return resource
    }

    func syncObject(_ handle: D3DKMTHandle) throws(Refusal) -> SyncObjectOpen {
        guard case .syncObject(let open) = try object(handle, "synchronization object") else {
            throw .invalid("\(handle) is no synchronization object")
        }
        if let adapter, open.adapter !== adapter { throw .invalid("\(handle) is on another adapter") }
        return open
    }

    func requireAdapterHandle(_ handle: D3DKMTHandle) throws(Refusal) {
        guard handle == target.handle else { throw .invalid("\(handle) is not the adapter's handle") }
    }
}

extension GuestProcess {
    /// Enters an object into the handle table.
    func enter(_ object: ProcessObject) throws(Refusal) -> D3DKMTHandle {
        guard machine.objectCount < machine.options.limits.objects else {
            throw Refusal(.noMemory, "the guest has too many objects")
        }
        guard let handle = objects.insert(object) else { throw Refusal(.noMemory, "the process has too many objects") }
        machine.objectCount += 1
        return handle
    }

    /// Takes an object out of the handle table.
    func leave(_ handle: D3DKMTHandle) {
        if objects.remove(handle) { machine.objectCount -= 1 }
    }
}
