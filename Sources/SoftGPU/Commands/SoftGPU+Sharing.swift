import DXGProtocol

/// Sharing among the processes of a guest (docs/protocol/semantics.md 15).
extension SoftGPU {
    func createNtSharedObject(
        _ request: MessageView<CreateNtSharedObject.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let process = try call.requireProcess()
        let name: SharedName
        switch process.objects[request.object] {
        case .syncObject(let open):
            guard open.object.flags.contains(.shared) else {
                throw .invalid("\(request.object) was not created shared")
            }
            name = .ntSyncObject(open.object)
        case .resource(let resource):
            guard resource.content.isShareable else { throw .invalid("\(request.object) was not created shared") }
            name = .ntResource(resource.content)
        default:
            throw .invalid("\(request.object) is no synchronization object or resource")
        }
        guard let handle = call.machine.names.insert(name) else {
            throw Refusal(.noMemory, "the guest has too many shared objects")
        }
        switch name {
        case .ntSyncObject(let object): object.nameCount += 1
        case .ntResource(let content):
            content.nameCount += 1
            content.isSealed = true
        case .globalSyncObject: break
        }
        var reply = MessageBuilder<CreateNtSharedObject.Reply>()
        reply.handle = handle
        return reply.bytes
    }

    func destroyNtSharedObject(
        _ request: MessageView<DestroyNtSharedObject.Request>, _ call: Call
    ) throws(Refusal) {
        let machine = call.machine
        switch machine.names[request.sharedHandle] {
        case .ntSyncObject(let object):
            machine.names.remove(request.sharedHandle)
            object.nameCount -= 1
            abandonIfDead(object)
        case .ntResource(let content):
            machine.names.remove(request.sharedHandle)
            content.nameCount -= 1
            guard content.nameCount == 0 else { return }
            releaseNamed(content)
        case .globalSyncObject, nil:
            throw .invalid("no shared object \(request.sharedHandle)")
        }
    }

    /// The last name of a resource has gone: memory that no handle names goes as well.
    func releaseNamed(_ content: ResourceContent) {
        for memory in content.memories.elements where memory.opens.isEmpty { releaseMemory(memory) }
        if !content.isAlive { content.machine.shareableObjects -= 1 }
    }

    func openSyncObject(_ request: MessageView<OpenSyncObject.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        // A global message that names a device: its process says on which adapter.
        let device = try call.activeDevice(request.device)
        guard case .globalSyncObject(let object) = call.machine.names[request.globalSyncObject] else {
            throw .invalid("no shared synchronization object \(request.globalSyncObject)")
        }
        let flags = SyncObjectFlags(rawValue: request.flagsValue)
        guard object.adapter === device.adapter || object.flags.contains(.crossAdapter) else {
            throw .invalid("\(request.globalSyncObject) is on another adapter")
        }
        let own: SyncObjectFlags = [.noSignal, .noWait, .noGPUAccess]
        let open = SyncObjectOpen(
            order: freshID(), object: object, device: device,
            flags: flags.intersection(own).union(object.flags.intersection([.noGPUAccess, .noSignalMaxValueOnTdr])))
        object.opens.append(open)
        do throws(Refusal) {
            try enter(open)
        } catch {
            close(open)
            throw error
        }
        var reply = MessageBuilder<OpenSyncObject.Reply>()
        reply.syncObject = open.handle
        reply.gpuVirtualAddress = open.gpuAddress
        reply.guestCpuPhysicalAddress = guestAddress(of: open)
        return reply.bytes
    }

    func openResource(_ request: MessageView<OpenResource.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.activeDevice(request.device)
        guard case .ntResource(let content) = call.machine.names[request.globalShare] else {
            throw .invalid("no shared resource \(request.globalShare)")
        }
        guard content.adapter === device.adapter else { throw .invalid("\(request.globalShare) is on another adapter") }
        guard Int(request.allocationCount) == content.memories.count else {
            throw .invalid("\(request.allocationCount) allocations of \(content.memories.count)")
        }
        let resource = Resource(content: content, device: device)
        var allocations: [Allocation] = []
        do throws(Refusal) {
            for memory in content.memories.elements {
                // Who opens it needs what is in it, whatever the others have offered.
                guard reinstate(memory) else { throw Refusal(.noMemory, "no memory for what was offered") }
                refreshMappings(of: memory)
                let allocation = Allocation(
                    order: freshID(), memory: memory, device: device, isOwner: false, privateData: [])
                allocation.content = content
                memory.opens.append(allocation)
                allocations.append(allocation)
                try enter(allocation)
            }
            resource.handle = try device.process.enter(.resource(resource))
        } catch {
            for allocation in allocations { destroy(allocation) }
            throw error
        }
        content.openCount += 1
        device.resources[resource.handle] = resource
        for allocation in allocations { add(allocation, to: resource) }
        var reply = MessageBuilder<OpenResource.Reply>()
        reply.resource = resource.handle
        reply.appendAllocations(allocations.map(\.handle))
        reply.pad(toMultipleOf: 8)
        return reply.bytes
    }
}
