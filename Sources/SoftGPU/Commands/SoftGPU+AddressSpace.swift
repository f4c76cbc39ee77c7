import DXGProtocol

/// GPU virtual addresses (docs/protocol/semantics.md 11).
extension SoftGPU {
    func reserveGpuVirtualAddress(
        _ request: MessageView<ReserveGpuVirtualAddress.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let process = try call.requireProcess()
        // The field holds an adapter or a paging queue; their handles differ (docs/protocol/semantics.md 1.9).
        if request.adapter.unique == 2 {
            try call.requireAdapterHandle(request.adapter)
        } else {
            _ = try call.pagingQueue(request.adapter)
        }
        let base = AddressSpace.plain(request.baseAddress)
        let minimum = AddressSpace.plain(request.minimumAddress)
        let maximum = AddressSpace.plain(request.maximumAddress)
        let size = request.size
        for value in [base, minimum, maximum, size] where !value.isMultiple(ofPowerOfTwo: Self.reservationAlignment) {
            throw .invalid("\(value) is not a multiple of 64 KiB")
        }
        guard size > 0 else { throw .invalid("an empty reservation") }
        guard let unmapped = Self.emptyRange(forReservation: request.reservationType) else {
            throw .invalid("reservation type \(request.reservationType)")
        }
        let space = space(of: process, on: call.target)
        let start: UInt64
        if base != 0 {
            let (end, overflow) = base.addingReportingOverflow(size)
            guard !overflow, space.isFree(base, end) else {
                throw Refusal(.noMemory, "the range at \(base) is not free")
            }
            start = base
        } else {
            guard
                let found = space.findFree(
                    length: size, alignment: Self.reservationAlignment, minimum: minimum, maximum: maximum)
            else { throw Refusal(.noMemory, "no free range of \(size) bytes") }
            start = found
        }
        try checkMappingCount(of: space)
        space.reserve(start, start + size, unmapped)
        var reply = MessageBuilder<ReserveGpuVirtualAddress.Reply>()
        reply.virtualAddress = start
        return reply.bytes
    }

    private static let reservationAlignment: UInt64 = 65536

    /// D3DDDIGPUVA_RESERVATION_TYPE; NoCommit is for system use and acts like NoAccess.
    private static func emptyRange(forReservation type: UInt32) -> AddressSpace.EmptyRange? {
        switch type {
        case 0, 2: .noAccess
        case 1: .zero
        default: nil
        }
    }

    func mapGpuVirtualAddress(
        _ request: MessageView<MapGpuVirtualAddress.Request>, _ call: Call
    ) throws(Refusal) -> [UInt8]? {
        let queue = try call.pagingQueue(request.pagingQueue)
        let device = queue.device
        guard device.isActive else { throw .lost(device) }
        let base = AddressSpace.plain(request.baseAddress)
        let minimum = AddressSpace.plain(request.minimumAddress)
        let maximum = AddressSpace.plain(request.maximumAddress)
        for value in [base, minimum, maximum] where !value.isMultiple(ofPowerOfTwo: pageSize) {
            throw .invalid("\(value) is not a multiple of 4 KiB")
        }
        let pages = request.sizeInPages
        guard pages > 0, pages < 1 << 36 else { throw .invalid("a mapping of \(pages) pages") }
        let size = pages * pageSize
        let target = try target(of: request, size: size, device: device, call)
        let space = space(of: device.process, on: device.adapter)
        try checkMappingCount(of: space)

        let start: UInt64
        if base != 0 {
            let (end, overflow) = base.addingReportingOverflow(size)
            guard !overflow else { throw .invalid("a range beyond the address space") }
            if space.isFree(base, end) {
                space.own(base, end)
            } else {
                guard space.isOwned(base, end) else { throw .invalid("the range at \(base) is not free") }
                if case .allocation = target {
                } else {
                    for region in space.regions.overlapping(base, end) where region.value == .mapOwned {
                        throw .invalid("the range at \(base) was not reserved")
                    }
                }
            }
            start = base
        } else {
            let alignment: UInt64 = size >= 2 << 20 ? 2 << 20 : 65536
            guard
                let found = space.findFree(length: size, alignment: alignment, minimum: minimum, maximum: maximum)
                    ?? space.findFree(length: size, alignment: pageSize, minimum: minimum, maximum: maximum)
            else { throw Refusal(.noMemory, "no free range of \(size) bytes") }
            space.own(found, found + size)
            start = found
        }
        space.put(start, start + size, AddressSpace.Mapping(target: target, driverProtection: request.driverProtection))
        var reply = MessageBuilder<MapGpuVirtualAddress.Reply>()
        reply.virtualAddress = start
        reply.pagingFenceValue = queue.completed
        return reply.bytes
    }

    private func target(
        of request: MessageView<MapGpuVirtualAddress.Request>, size: UInt64, device: Device, _ call: Call
    ) throws(Refusal) -> AddressSpace.Mapping.Target {
        guard !request.protectionSystemUseOnly else { throw .invalid("SystemUseOnly protection") }
        if request.protectionZero || request.protectionNoAccess {
            guard request.allocation == .none else { throw .invalid("an allocation with Zero or NoAccess protection") }
            return request.protectionZero ? .zero : .noAccess
        }
        let allocation = try call.allocation(request.allocation, on: device)
        let (offset, tooFar) = request.offsetInPages.multipliedReportingOverflow(by: pageSize)
        let (end, overflow) = offset.addingReportingOverflow(size)
        guard !tooFar, !overflow, end <= allocation.memory.size else {
            throw .invalid(
                "\(request.sizeInPages) pages from page \(request.offsetInPages) are not in the allocation of \(allocation.memory.size) bytes"
            )
        }
        try checkDriverProtection(
            request.driverProtection, of: allocation, offset: offset, end: end,
            in: space(of: device.process, on: device.adapter))
        return .allocation(allocation, offset: offset, request.protectionWrite ? .readWrite : .read)
    }

    /// A range mapped with a unique driver protection (bit 63) can be mapped with no other
    /// (docs/protocol/semantics.md 11, driver protection).
    private func checkDriverProtection(
        _ protection: UInt64, of allocation: Allocation, offset: UInt64, end: UInt64, in space: AddressSpace
    ) throws(Refusal) {
        for start in allocation.mappedStarts {
            guard let entry = space.mappings.entry(containing: start),
                case .allocation(_, let other, _) = entry.value.target,
                other < end, other + entry.length > offset, (entry.value.driverProtection | protection) >> 63 == 1,
                entry.value.driverProtection != protection
            else { continue }
            throw .invalid("the allocation is mapped with another unique driver protection")
        }
    }

    /// The worker's kernel has a limit on mappings.
    func checkMappingCount(of space: AddressSpace) throws(Refusal) {
        let limit = space.process.machine.options.limits.mappingsPerAddressSpace
        guard space.mappings.count < limit else {
            throw Refusal(.noMemory, "the limit of \(limit) mappings is reached")
        }
    }

    func freeGpuVirtualAddress(_ request: MessageView<FreeGpuVirtualAddress.Request>, _ call: Call) throws(Refusal) {
        let process = try call.requireProcess()
        try call.requireAdapterHandle(request.adapter)
        let base = AddressSpace.plain(request.baseAddress)
        let (end, overflow) = base.addingReportingOverflow(request.size)
        guard base.isMultiple(ofPowerOfTwo: pageSize), request.size.isMultiple(ofPowerOfTwo: pageSize),
            request.size > 0, !overflow
        else { throw .invalid("\(request.size) bytes at \(base)") }
        guard space(of: process, on: call.target).free(base, end) else {
            throw .invalid("\(request.size) bytes at \(base) are not whole ranges")
        }
    }

    // MARK: Updates

    func updateGpuVirtualAddress(
        _ request: MessageView<UpdateGpuVirtualAddress.Request>, _ call: Call
    ) throws(Refusal) {
        let device = try call.activeDevice(request.device)
        let context = try call.context(request.context)
        guard context.device === device else { throw .invalid("context \(request.context) is on another device") }
        let fence = try call.syncObject(request.fenceObject)
        guard fence.object.isMonitored, fence.role == .user else { throw .invalid("not a monitored fence") }
        guard !fence.flags.contains(.noSignal) else { throw Refusal(.accessDenied, "the fence has NoSignal") }
        let space = space(of: device.process, on: device.adapter)
        var operations: [AddressOperation] = []
        let list = request.operations
        for index in 0..<list.count { operations.append(try check(list[index], device: device, space: space, call)) }
        try checkMappingCount(of: space)
        try checkQueued(3, device.process)
        let doesNotWait = request.flags & 1 != 0
        if !doesNotWait {
            append(.wait(WaitPacket(objects: [fence.object], targets: [request.fenceValue])), to: context.updates)
        }
        append(.updateAddresses(AddressUpdate(space: space, operations: operations)), to: context.updates)
        append(
            .signal(
                SignalPacket(
                    objects: [(fence.object, request.fenceValue &+ 1)], event: 0, process: device.process,
                    allowsRewind: false, isAtSubmission: false, queues: 1)), to: context.updates)
    }

    /// Checks one operation when it is queued (docs/protocol/semantics.md 11, CMD 19).
    private func check(
        _ operation: MessageView<UpdateGpuVirtualAddressOperation>, device: Device, space: AddressSpace, _ call: Call
    ) throws(Refusal) -> AddressOperation {
        switch operation.operation {
        case 0, 3:
            let (start, end) = try range(operation.mapBaseAddress, operation.mapSize, in: space)
            let isProtected = operation.operation == 3
            if isProtected, operation.mapProtectProtectionNoAccess { return .noAccess(start: start, end: end) }
            if isProtected, operation.mapProtectProtectionZero { return .unmap(start: start, end: end, .zero) }
            let allocation = try call.allocation(operation.mapAllocation, on: device)
            let part = operation.mapAllocationSize == 0 ? end - start : operation.mapAllocationSize
            let offset = operation.mapAllocationOffset
            let (last, overflow) = offset.addingReportingOverflow(part)
            guard part > 0, part.isMultiple(ofPowerOfTwo: pageSize), offset.isMultiple(ofPowerOfTwo: pageSize),
                !overflow, last <= allocation.memory.size, (end - start) % part == 0
            else { throw .invalid("\(part) bytes from \(offset) of the allocation, repeated over \(end - start)") }
            let isWritable = !isProtected || operation.mapProtectProtectionWrite
            return .map(
                start: start, end: end, allocation, offset: offset, repeats: part, isWritable ? .readWrite : .read,
                driverProtection: isProtected ? operation.mapProtectDriverProtection : 0)
        case 1:
            let (start, end) = try range(operation.unmapBaseAddress, operation.unmapSize, in: space)
            return .unmap(start: start, end: end, operation.unmapProtectionZero ? .zero : .noAccess)
        case 2:
            let (source, sourceEnd) = try range(operation.copySourceAddress, operation.copySize, in: space)
            let (destination, _) = try range(operation.copyDestAddress, operation.copySize, in: space)
            return .copy(source: source, length: sourceEnd - source, destination: destination)
        default:
            throw .invalid("operation \(operation.operation)")
        }
    }

    /// A range that lies inside one reserved region.
    private func range(
        _ base: UInt64, _ size: UInt64, in space: AddressSpace
    ) throws(Refusal) -> (UInt64, UInt64) {
        let start = AddressSpace.plain(base)
        let (end, overflow) = start.addingReportingOverflow(size)
        guard size > 0, start.isMultiple(ofPowerOfTwo: pageSize), size.isMultiple(ofPowerOfTwo: pageSize), !overflow,
            start >= AddressSpace.userStart, space.isOwned(start, end),
            let region = space.regions.entry(covering: start, end), case .reserved = region.value
        else { throw .invalid("\(size) bytes at \(base) are not in one reserved range") }
        return (start, end)
    }

    /// Applies an update when its turn has come. What it names may have gone since; such parts stay as they are.
    func apply(_ update: AddressUpdate) {
        let space = update.space
        for operation in update.operations {
            switch operation {
            case .map(let start, let end, let allocation, let offset, let part, let access, let driverProtection):
                guard !allocation.isDestroyed, space.isOwned(start, end) else { continue }
                let limit = space.process.machine.options.limits.mappingsPerAddressSpace
                for address in stride(from: start, to: end, by: Int(clamping: part)) where space.mappings.count < limit
                {
                    space.put(
                        address, address + part,
                        AddressSpace.Mapping(
                            target: .allocation(allocation, offset: offset, access), driverProtection: driverProtection)
                    )
                }
            case .unmap(let start, let end, let empty):
                guard space.isOwned(start, end) else { continue }
                space.clear(start, end)
                if empty == .zero {
                    space.put(start, end, AddressSpace.Mapping(target: .zero, driverProtection: 0))
                }
            case .noAccess(let start, let end):
                guard space.isOwned(start, end) else { continue }
                space.clear(start, end)
            case .copy(let source, let length, let destination):
                guard space.isOwned(destination, destination + length) else { continue }
                let pieces = space.mappings.overlapping(source, source + length).map { entry in
                    let from = max(entry.start, source)
                    return (
                        from - source, min(entry.end, source + length) - from,
                        entry.value.advanced(by: from - entry.start)
                    )
                }
                space.clear(destination, destination + length)
                for (distance, size, mapping) in pieces {
                    space.put(destination + distance, destination + distance + size, mapping)
                }
            }
        }
    }
}
