import CSoftGPU
import DXGProtocol

/// Allocations and resources (docs/protocol/semantics.md 10).
extension SoftGPU {
    /// What CREATEALLOCATION asks for, per allocation.
    private struct Wish {
        let size: UInt64
        let alignment: UInt64
        let group: SegmentGroup
        let isCPUVisible: Bool
        let isCached: Bool
        let isExisting: Bool
        /// As the guest sent it; the reply gives as many bytes back.
        var privateData: [UInt8]
    }

    func createAllocation(_ request: MessageView<CreateAllocation.Request>, _ call: Call) throws(Refusal) -> [UInt8]? {
        let device = try call.activeDevice(request.device)
        guard (1...1024).contains(request.allocCount) else { throw .invalid("\(request.allocCount) allocations") }
        // A driver's own checks keep these from the host (docs/protocol/semantics.md 10, CMD 4).
        guard !request.flagsCreateProtected, !request.flagsExistingSection else {
            throw .notSupported("protected memory or a section of the guest")
        }
        let isShared = request.flagsCreateShared
        guard !isShared || (request.flagsCreateResource && request.flagsNtSecuritySharing) else {
            throw .invalid("CreateShared without CreateResource and NtSecuritySharing")
        }
        var resource: Resource?
        if request.resource != .none {
            guard !request.flagsCreateResource else { throw .invalid("a resource given and CreateResource set") }
            let existing = try call.resource(request.resource, on: device)
            guard !existing.content.isSealed, !existing.content.isShareable else {
                throw .invalid("resource \(request.resource) is shared and cannot grow")
            }
            resource = existing
        }
        if isShared { try call.machine.checkShareable() }
        let wishes = try wishes(of: request, call)
        try checkCommit(of: wishes, call)
        var allocations: [Allocation] = []
        do throws(Refusal) {
            for wish in wishes { allocations.append(try make(wish, on: device)) }
            if request.flagsCreateResource {
                let made = Resource(
                    content: ResourceContent(
                        machine: call.machine, adapter: device.adapter, isShareable: isShared), device: device)
                made.handle = try device.process.enter(.resource(made))
                made.content.openCount += 1
                if isShared { call.machine.shareableObjects += 1 }
                device.resources[made.handle] = made
                resource = made
            }
            if request.makeResident { try checkResidency(of: allocations) }
        } catch {
            for allocation in allocations { destroy(allocation) }
            if request.flagsCreateResource, let resource { forget(resource) }
            throw error
        }
        if let resource {
            for allocation in allocations { add(allocation, to: resource) }
            for allocation in allocations { resource.content.memories.append(allocation.memory) }
        }
        if request.makeResident { for allocation in allocations { addResidency(allocation) } }
        return reply(
            with: allocations, resource: resource, wishes,
            length: Int(request.requiredReplyLength(under: call.machine.interfaceVersion)))
    }

    /// Only the guest of another system asks for residency at once; there is room, or nothing is made.
    private func checkResidency(of allocations: [Allocation]) throws(Refusal) {
        guard let process = allocations.first?.device.process else { return }
        for allocation in allocations { try allocation.requirePages() }
        let excess = excessBytes(of: allocations, process: process, isLast: true)
        guard excess == 0 else { throw Refusal(.noMemory, "\(excess) bytes more than fit to be resident") }
    }

    func add(_ allocation: Allocation, to resource: Resource) {
        allocation.resource = resource
        allocation.content = resource.content
        resource.allocations.append(allocation)
    }

    private func reply(with allocations: [Allocation], resource: Resource?, _ wishes: [Wish], length: Int) -> [UInt8] {
        var reply = MessageBuilder<CreateAllocation.Reply>()
        reply.resource = resource?.handle ?? .none
        for (allocation, wish) in zip(allocations, wishes) {
            var info = MessageBuilder<AllocationInfoReturn>()
            info.allocation = allocation.handle
            info.privDrvDataSize = UInt32(wish.privateData.count)
            info.allocationFlagsExistingSysmem = wish.isExisting
            info.allocationFlagsCached = wish.isCached
            info.allocationSize = allocation.memory.size
            reply.append(info)
        }
        for allocation in allocations { reply.append(bytes: allocation.privateData) }
        // The guest insists on as many bytes as it sent, whatever the sizes say (docs/protocol/semantics.md 10, CMD 4).
        reply.pad(to: length)
        return reply.bytes
    }

    private func wishes(
        of request: MessageView<CreateAllocation.Request>, _ call: Call
    ) throws(Refusal) -> [Wish] {
        let isExisting = request.flagsExistingSysmem
        if request.flagsStandardAllocation {
            guard request.allocCount == 1 else { throw .invalid("\(request.allocCount) standard allocations at once") }
            return [try standardWish(request.resourcePrivateDriverData, isExisting: isExisting)]
        }
        var wishes: [Wish] = []
        let infos = request.allocInfo
        var chunks = request.privateDriverData
        for index in 0..<infos.count {
            guard infos[index].flags & Self.primaryFlag == 0 else { throw .notSupported("a primary allocation") }
            guard let bytes = chunks.next() else { throw .invalid("private data is missing") }
            wishes.append(try wish(bytes, isExisting: isExisting))
        }
        return wishes
    }

    /// D3DDDI_ALLOCATIONINFOFLAGS bit 0.
    private static let primaryFlag: UInt32 = 1

    private func wish(_ bytes: RawSpan, isExisting: Bool) throws(Refusal) -> Wish {
        let blob = try PrivateData.allocation(bytes)
        guard blob.size > 0, blob.size <= 1 << 46 else { throw .invalid("an allocation of \(blob.size) bytes") }
        guard let group = SegmentGroup(rawValue: Int(blob.heap)) else { throw .invalid("heap \(blob.heap)") }
        guard blob.alignment == 0 || (blob.alignment <= 2 << 20 && blob.alignment.nonzeroBitCount == 1) else {
            throw .invalid("alignment \(blob.alignment)")
        }
        guard !isExisting || blob.size.isMultiple(ofPowerOfTwo: pageSize) else {
            throw .invalid("existing system memory of \(blob.size) bytes")
        }
        let size = (blob.size + pageSize - 1) & ~(pageSize - 1)
        let isCPUVisible = blob.flags & SOFTGPU_ALLOCATION_CPU_VISIBLE.rawValue != 0
        return Wish(
            size: size, alignment: max(blob.alignment, pageSize), group: isExisting ? .nonLocal : group,
            isCPUVisible: isCPUVisible && !isExisting,
            isCached: isExisting || blob.flags & SOFTGPU_ALLOCATION_CACHED.rawValue != 0, isExisting: isExisting,
            privateData: WireArray<UInt8>(bytes).array())
    }

    /// A standard allocation: its description comes in place of the resource's private data.
    private func standardWish(_ bytes: RawSpan, isExisting: Bool) throws(Refusal) -> Wish {
        let description: MessageView<CreateStandardAllocation>
        do throws(DecodeError) {
            description = try MessageView<CreateStandardAllocation>(bytes)
        } catch {
            throw .invalid("a standard allocation's description: \(error)")
        }
        let size = description.existingHeapDataSize
        guard size > 0, size <= 1 << 46, size.isMultiple(ofPowerOfTwo: pageSize) else {
            throw .invalid("a standard allocation of \(size) bytes")
        }
        switch (description.type, isExisting) {
        case (1, true), (2, false): break
        case (1, false): throw .invalid("an existing heap without existing system memory")
        default: throw .invalid("standard allocation type \(description.type)")
        }
        return Wish(
            size: size, alignment: pageSize, group: .nonLocal, isCPUVisible: !isExisting, isCached: true,
            isExisting: isExisting, privateData: [])
    }

    private func checkCommit(of wishes: [Wish], _ call: Call) throws(Refusal) {
        var total: UInt64 = 0
        for wish in wishes { total = min(total + wish.size, 1 << 62) }
        try checkCommit(of: total, in: call.machine)
    }

    /// Whether a guest may have so many bytes more; what it has offered goes for them.
    func checkCommit(of size: UInt64, in machine: VirtualMachine) throws(Refusal) {
        let limit = machine.options.limits.memory
        while size > limit || machine.committedBytes > limit - size {
            guard decommitNext(in: machine, of: nil) else {
                throw Refusal(.noMemory, "\(size) bytes more than \(machine.committedBytes), of at most \(limit)")
            }
        }
    }

    /// Makes one allocation on a device: all of it or nothing.
    private func make(_ wish: Wish, on device: Device) throws(Refusal) -> Allocation {
        let machine = device.process.machine
        let id = freshID()
        let backing: AllocationMemory.Backing
        if wish.isExisting {
            let count = Int(wish.size / pageSize)
            var shadow: MemorySpan?
            if machine.sharedRegions.isEmpty {
                shadow = try span(.local, wish.size, alignment: pageSize, machine)
            }
            backing = .guestPages(
                GuestPages(
                    id: GuestPagesID(rawValue: id), count: count, shadow: shadow, regions: machine.sharedRegions))
        } else if wish.isCPUVisible {
            backing = .span(try span(.ioSpace, wish.size, alignment: wish.alignment, machine))
        } else {
            backing = .span(try span(.local, wish.size, alignment: max(wish.alignment, 65536), machine))
        }
        var data = wish.privateData
        if !data.isEmpty {
            let blob = softgpu_allocation(
                header: PrivateData.header(of: softgpu_allocation.self, kind: SOFTGPU_BLOB_ALLOCATION), size: wish.size,
                alignment: wish.alignment, heap: UInt32(wish.group.rawValue),
                flags: (wish.isCPUVisible ? SOFTGPU_ALLOCATION_CPU_VISIBLE.rawValue : 0)
                    | (wish.isCached ? SOFTGPU_ALLOCATION_CACHED.rawValue : 0), id: id)
            let bytes = PrivateData.bytes(blob)
            data.replaceSubrange(0..<bytes.count, with: bytes)
        }
        let memory = AllocationMemory(
            machine: machine, adapter: device.adapter, id: id, size: wish.size, group: wish.group,
            isCPUVisible: wish.isCPUVisible, isCached: wish.isCached, backing: backing)
        memory.creator = device.process
        commit(memory)
        memory.adapter.physical.created.count &+= 1
        memory.adapter.physical.created.bytes &+= memory.size
        let allocation = Allocation(
            order: freshID(), memory: memory, device: device, isOwner: true, privateData: data)
        memory.opens.append(allocation)
        do throws(Refusal) {
            try enter(allocation)
        } catch {
            destroy(allocation)
            throw error
        }
        return allocation
    }

    func enter(_ allocation: Allocation) throws(Refusal) {
        let device = allocation.device
        allocation.handle = try device.process.enter(.allocation(allocation))
        device.allocations[allocation.handle] = allocation
        if case .guestPages(let pages) = allocation.memory.backing, pages.shadow != nil {
            device.process.shadowed[allocation.handle] = allocation
        }
    }

    func span(
        _ file: MemoryFile, _ length: UInt64, alignment: UInt64, _ machine: VirtualMachine
    ) throws(Refusal) -> MemorySpan {
        func allocate() -> UInt64? {
            file == .ioSpace
                ? machine.allocateIOSpace(length, alignment: alignment)
                : machine.localPages.allocate(length, alignment: alignment)
        }
        var offset = allocate()
        while offset == nil, decommitNext(in: machine, of: file) { offset = allocate() }
        guard let offset else {
            throw Refusal(
                .noMemory, "no \(length) bytes left in the guest's \(file == .ioSpace ? "IO space" : "local memory")")
        }
        return MemorySpan(file: file, offset: offset, length: length)
    }
}
