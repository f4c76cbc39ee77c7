import DXGProtocol

/// Queued changes of GPU virtual addresses (docs/protocol/semantics.md 11, CMD 19).
extension SoftGPU {
    func updateGpuVirtualAddress(
        _ request: MessageView<UpdateGpuVirtualAddress.Request>, _ call: Call
    ) throws(Refusal) {
        let device = try call.activeDevice(request.device)
        let context = try call.context(request.context)
        guard context.device === device else { throw .invalid("context \(request.context) is on another device") }
        let fence = try call.syncObject(request.fenceObject)
        guard fence.object.isMonitored, fence.role == .user else { throw .invalid("not a monitored fence") }
        guard !fence.flags.contains(.noSignal) else { throw Refusal(.accessDenied, "the fence has NoSignal") }
        let doesNotWait = request.flags & 1 != 0
        guard doesNotWait || !fence.flags.contains(.noWait) else {
            throw Refusal(.accessDenied, "the fence has NoWait")
        }
        let space = space(of: device.process, on: device.adapter)
        var update = AddressUpdate(space: space)
        let list = request.operations
        guard list.count > 0 else { throw .invalid("no operation") }
        for index in 0..<list.count { try add(list[index], to: &update, device: device, call) }
        try checkMappingCount(of: space, adding: update.pieces)
        try checkQueued(list.count + 2, on: device)
        if !doesNotWait {
            append(.wait(WaitPacket(objects: [fence.object], targets: [request.fenceValue])), to: context.updates)
        }
        append(.updateAddresses(update), to: context.updates)
        append(
            .signal(
                SignalPacket(
                    objects: [(fence.object, request.fenceValue &+ 1)], event: 0, process: device.process,
                    allowsRewind: false, isAtSubmission: false, queues: 1)), to: context.updates)
    }

    /// Checks one operation when it is queued.
    private func add(
        _ operation: MessageView<UpdateGpuVirtualAddressOperation>, to update: inout AddressUpdate, device: Device,
        _ call: Call
    ) throws(Refusal) {
        let space = update.space
        switch operation.operation {
        case 0, 3:
            let (start, end) = try range(operation.mapBaseAddress, operation.mapSize, in: space, &update.destination)
            let isProtected = operation.operation == 3
            if isProtected, operation.mapProtectProtectionNoAccess || operation.mapProtectProtectionZero {
                let empty: AddressSpace.EmptyRange = operation.mapProtectProtectionZero ? .zero : .noAccess
                update.pieces += 1
                return update.operations.append(.unmap(start: start, end: end, empty))
            }
            let allocation = try call.allocation(operation.mapAllocation, on: device)
            let part = operation.mapAllocationSize == 0 ? end - start : operation.mapAllocationSize
            let offset = operation.mapAllocationOffset
            let (last, overflow) = offset.addingReportingOverflow(part)
            guard part > 0, part.isMultiple(ofPowerOfTwo: pageSize), offset.isMultiple(ofPowerOfTwo: pageSize),
                !overflow, last <= allocation.memory.size, (end - start) % part == 0
            else { throw .invalid("\(part) bytes from \(offset) of the allocation, repeated over \(end - start)") }
            try allocation.requirePages()
            let repeats = Int(clamping: (end - start) / part)
            let pieces = allocation.memory.pieces(offset: offset, length: part)
            update.pieces = update.pieces.addingSaturating(repeats.multipliedSaturating(by: pieces))
            let isWritable = !isProtected || operation.mapProtectProtectionWrite
            update.operations.append(
                .map(
                    start: start, end: end, allocation, offset: offset, repeats: part,
                    isWritable ? .readWrite : .read,
                    driverProtection: isProtected ? operation.mapProtectDriverProtection : 0))
        case 1:
            let (start, end) = try range(
                operation.unmapBaseAddress, operation.unmapSize, in: space, &update.destination)
            update.pieces += 1
            update.operations.append(
                .unmap(start: start, end: end, operation.unmapProtectionZero ? .zero : .noAccess))
        case 2:
            let (source, end) = try range(operation.copySourceAddress, operation.copySize, in: space, &update.source)
            let (destination, _) = try range(
                operation.copyDestAddress, operation.copySize, in: space, &update.destination)
            update.pieces += space.mappings.overlapping(source, end).count
            update.operations.append(.copy(source: source, length: end - source, destination: destination))
        default:
            throw .invalid("operation \(operation.operation)")
        }
    }

    /// A range that lies inside one reserved region: the same one for all operations of an update.
    private func range(
        _ base: UInt64, _ size: UInt64, in space: AddressSpace, _ region: inout UInt64?
    ) throws(Refusal) -> (UInt64, UInt64) {
        let start = AddressSpace.plain(base)
        let (end, overflow) = start.addingReportingOverflow(size)
        guard size > 0, start.isMultiple(ofPowerOfTwo: pageSize), size.isMultiple(ofPowerOfTwo: pageSize), !overflow,
            let found = space.reservedRegion(start, end), region == nil || region == found
        else { throw .invalid("\(size) bytes at \(base) are not in one reserved range") }
        region = found
        return (start, end)
    }

    /// Applies an update when its turn has come. What it names may have gone since; such parts stay as they are.
    func apply(_ update: AddressUpdate) {
        let space = update.space
        guard !space.isClosed else { return }
        for operation in update.operations {
            switch operation {
            case .map(let start, let end, let allocation, let offset, let part, let access, let driverProtection):
                guard !allocation.isDestroyed, update.isDestination(start, end) else { continue }
                let mapping = AddressSpace.Mapping(
                    target: .allocation(allocation, offset: offset, access), driverProtection: driverProtection)
                let pieces = mapping.pieces(length: part) * Int(clamping: (end - start) / part)
                guard hasRoom(for: pieces, in: space) else { continue }
                guard !space.isForbidden(driverProtection, of: allocation, offset, offset + part) else {
                    report(
                        .info, space.process, "UpdateGpuVirtualAddress", nil,
                        "the allocation is mapped with another unique driver protection")
                    continue
                }
                var address = start
                while address < end {
                    space.put(address, address + part, mapping)
                    address += part
                }
            case .unmap(let start, let end, let empty):
                guard update.isDestination(start, end) else { continue }
                space.clear(start, end)
                if empty == .zero {
                    space.put(start, end, AddressSpace.Mapping(target: .zero, driverProtection: 0))
                }
            case .copy(let source, let length, let destination):
                guard update.isDestination(destination, destination + length),
                    space.reservedRegion(source, source + length) == update.source
                else { continue }
                let pieces = space.mappings.overlapping(source, source + length).map { entry in
                    let from = max(entry.start, source)
                    return (
                        from - source, min(entry.end, source + length) - from,
                        entry.value.advanced(by: from - entry.start)
                    )
                }
                guard hasRoom(for: pieces.reduce(0) { $0 + $1.2.pieces(length: $1.1) }, in: space) else { continue }
                space.clear(destination, destination + length)
                for (distance, size, mapping) in pieces {
                    space.put(destination + distance, destination + distance + size, mapping)
                }
            }
        }
    }

    /// Whether so many mappings fit, as others may have been made since the update was checked.
    func hasRoom(for pieces: Int, in space: AddressSpace) -> Bool {
        let limit = space.process.machine.options.limits.mappingsPerAddressSpace
        guard pieces <= limit, space.pieces <= limit - pieces else {
            report(.warning, space.process, "", nil, "no room for \(pieces) mappings")
            return false
        }
        return true
    }
}

extension AddressUpdate {
    /// Whether the range is still in the region that the update is for.
    func isDestination(_ start: UInt64, _ end: UInt64) -> Bool { space.reservedRegion(start, end) == destination }
}

extension Int {
    func addingSaturating(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    func multipliedSaturating(by other: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: other)
        return overflow ? .max : product
    }
}
