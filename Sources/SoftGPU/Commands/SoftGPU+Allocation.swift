import CSoftGPU
import DXGProtocol
import VMBus

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
        let wishes = try wishes(of: request, call)
        try checkCommit(of: wishes, call)
        var allocations: [Allocation] = []
        do throws(Refusal) {
            for wish in wishes { allocations.append(try make(wish, on: device)) }
            if request.flagsCreateResource {
                let made = Resource(
                    content: ResourceContent(adapter: device.adapter, isShareable: isShared), device: device)
                made.content.openCount = 1
                made.handle = try device.process.enter(.resource(made))
                device.resources[made.handle] = made
                resource = made
            }
        } catch {
            for allocation in allocations { destroy(allocation) }
            throw error
        }
        if let resource {
            for allocation in allocations {
                allocation.resource = resource
                resource.allocations.append(allocation)
                resource.content.memories.append(allocation.memory)
            }
        }
        return reply(with: allocations, resource: resource, wishes)
    }

    private func reply(with allocations: [Allocation], resource: Resource?, _ wishes: [Wish]) -> [UInt8] {
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
        var total = call.machine.committedBytes
        for wish in wishes {
            total += wish.size
            guard total <= call.machine.options.limits.memory else {
                throw Refusal(.noMemory, "the guest's limit of \(call.machine.options.limits.memory) bytes is reached")
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
        machine.committedBytes += wish.size
        let allocation = Allocation(memory: memory, device: device, privateData: data)
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

    private func span(
        _ file: MemoryFile, _ length: UInt64, alignment: UInt64, _ machine: VirtualMachine
    ) throws(Refusal) -> MemorySpan {
        let offset =
            file == .ioSpace
            ? machine.allocateIOSpace(length, alignment: alignment)
            : machine.localPages.allocate(length, alignment: alignment)
        guard let offset else {
            throw Refusal(
                .noMemory, "no \(length) bytes left in the guest's \(file == .ioSpace ? "IO space" : "local memory")")
        }
        return MemorySpan(file: file, offset: offset, length: length)
    }

    // MARK: Destruction

    /// With allocations listed only these die, also where a resource is named (docs/protocol/semantics.md 10, CMD 5).
    func destroyAllocation(_ request: MessageView<DestroyAllocation.Request>, _ call: Call) throws(Refusal) -> [UInt8]?
    {
        let device = try call.device(request.device)
        let handles = request.allocations
        var doomed: [Allocation] = []
        var resource: Resource?
        if handles.count > 0 {
            for index in handles.indices { doomed.append(try call.allocation(handles[index], on: device)) }
            guard Set(doomed.map(\.handle)).count == doomed.count else {
                throw .invalid("an allocation is listed twice")
            }
        } else {
            guard request.resource != .none else { throw .invalid("neither a resource nor allocations") }
            let found = try call.resource(request.resource, on: device)
            doomed = found.allocations
            resource = found
        }
        // The guest takes pages of existing system memory back right after the reply, so no worker may see them then.
        let isUrgent = doomed.contains { $0.memory.isExistingSystemMemory && !$0.mappedStarts.isEmpty }
        for allocation in doomed { destroy(allocation) }
        if let resource { forget(resource) }

        let done = Self.plainStatus.reply(.success)
        guard isUrgent, let completion = call.completion, let space = device.process.spaces[device.adapter.index],
            space.isOpen
        else { return done }
        let reply = DeferredReply(completion: completion, bytes: done)
        reply.outstanding = 1
        let barrier = BarrierID(rawValue: freshID())
        barriers[barrier] = .reply(reply)
        effects.append(.barrier(barrier, [space.id]))
        return nil
    }

    /// Ends one handle to an allocation, and its memory with the last one.
    func destroy(_ allocation: Allocation) {
        guard !allocation.isDestroyed else { return }
        allocation.isDestroyed = true
        let device = allocation.device
        let memory = allocation.memory
        let space = device.process.spaces[device.adapter.index]
        space?.remove(allocation)
        removeResidency(allocation, count: allocation.residencyCount)
        memory.opens.removeAll { $0 === allocation }
        device.process.objects.remove(allocation.handle)
        device.process.shadowed[allocation.handle] = nil
        device.allocations[allocation.handle] = nil
        allocation.resource?.allocations.removeAll { $0 === allocation }

        if case .guestPages(let pages) = memory.backing {
            // The pages go with the handle that brought them; other opens are left without memory.
            effects.append(.releaseGuestPages(memory.machine.id, pages.id))
            memory.backing = .detached
            refreshMappings(of: memory)
            if let shadow = pages.shadow { release(shadow, of: memory.machine, after: space.map { [$0] } ?? []) }
            memory.machine.committedBytes -= memory.size
        } else if memory.opens.isEmpty, allocation.resource.map({ $0.content.nameCount == 0 }) ?? true {
            releaseMemory(memory, after: space.map { [$0] } ?? [])
        }
    }

    /// Gives an allocation's memory back; nothing names it any more.
    func releaseMemory(_ memory: AllocationMemory, after spaces: [AddressSpace]) {
        guard case .span(let span) = memory.backing else { return }
        memory.backing = .detached
        release(span, of: memory.machine, after: spaces)
        memory.machine.committedBytes -= memory.size
    }

    /// Ends one handle to a resource whose allocations are gone.
    func forget(_ resource: Resource) {
        resource.device.process.objects.remove(resource.handle)
        resource.device.resources[resource.handle] = nil
        resource.content.openCount -= 1
    }

    // MARK: Existing system memory

    func setExistingSysMemPages(_ request: MessageView<SetExistingSysMemPages.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        let allocation = try call.allocation(request.allocation, on: device)
        let pages = try guestPages(of: allocation)
        let frames = request.pageFrameNumbers
        let start = UInt64(request.allocOffsetInPages)
        guard start + UInt64(frames.count) <= UInt64(pages.frames.count) else {
            throw .invalid("pages \(start) to \(start + UInt64(frames.count)) of \(pages.frames.count)")
        }
        for index in frames.indices where !pages.isPlausible(frame: frames[index]) {
            throw .invalid("page frame \(frames[index]) is not guest memory")
        }
        for index in frames.indices { pages.set(frame: frames[index], at: Int(start) + index) }
        refreshMappings(of: allocation.memory)
    }

    func setExistingSysMemStore(_ request: MessageView<SetExistingSysMemStore.Request>, _ call: Call) throws(Refusal) {
        let device = try call.device(request.device)
        let allocation = try call.allocation(request.allocation, on: device)
        let pages = try guestPages(of: allocation)
        guard let ranges = call.machine.gpadls[request.gpadl] else { throw .invalid("no GPADL \(request.gpadl)") }
        var frames: [UInt64] = []
        for range in ranges {
            guard range.byteOffset == 0, UInt64(range.byteCount).isMultiple(ofPowerOfTwo: pageSize) else {
                throw .invalid("GPADL \(request.gpadl) is not whole pages")
            }
            frames += range.pages
        }
        guard frames.count == pages.frames.count else {
            throw .invalid("GPADL \(request.gpadl) has \(frames.count) pages, the allocation \(pages.frames.count)")
        }
        for frame in frames where !pages.isPlausible(frame: frame) {
            throw .invalid("page frame \(frame) is not guest memory")
        }
        for (index, frame) in frames.enumerated() { pages.set(frame: frame, at: index) }
        refreshMappings(of: allocation.memory)
    }

    private func guestPages(of allocation: Allocation) throws(Refusal) -> GuestPages {
        guard case .guestPages(let pages) = allocation.memory.backing else {
            throw .invalid("allocation \(allocation.handle) is not existing system memory")
        }
        return pages
    }

    // MARK: Standard allocations

    /// Sizes are asked first and data second; they never change in between (docs/protocol/semantics.md 10, CMD 39).
    func getStandardAllocationDriverData(
        _ request: MessageView<DdiGetStandardAllocationDriverData.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        guard request.allocType == 4 else { throw .notSupported("standard allocation type \(request.allocType)") }
        guard request.gdiSurfaceType == 7 else { throw .notSupported("GDI surface type \(request.gdiSurfaceType)") }
        let width = UInt64(request.gdiSurfaceWidth)
        let blob = PrivateData.bytes(
            softgpu_allocation(
                header: PrivateData.header(of: softgpu_allocation.self, kind: SOFTGPU_BLOB_ALLOCATION), size: width,
                alignment: pageSize, heap: SOFTGPU_HEAP_NON_LOCAL.rawValue, flags: SOFTGPU_ALLOCATION_CACHED.rawValue,
                id: 0))
        var reply = MessageBuilder<DdiGetStandardAllocationDriverData.Reply>()
        reply.privDriverDataSize = UInt32(blob.count)
        reply.gdiSurfaceWidth = request.gdiSurfaceWidth
        reply.gdiSurfaceHeight = request.gdiSurfaceHeight
        reply.gdiSurfaceFormat = request.gdiSurfaceFormat
        reply.gdiSurfaceType = request.gdiSurfaceType
        reply.gdiSurfaceFlags = request.gdiSurfaceFlags
        reply.gdiSurfacePitch = request.gdiSurfaceWidth
        if request.privDriverDataSize != 0 {
            guard Int(request.privDriverDataSize) >= blob.count else {
                throw Refusal(.bufferTooSmall, "\(request.privDriverDataSize) bytes for private data")
            }
            reply.append(bytes: blob)
        }
        reply.pad(toMultipleOf: 8)
        return reply.bytes
    }
}
