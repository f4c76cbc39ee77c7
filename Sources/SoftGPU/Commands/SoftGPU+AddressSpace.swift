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
        try checkMappingCount(of: space, adding: 1)
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
        try checkPaging(on: queue)
        let base = AddressSpace.plain(request.baseAddress)
        let minimum = AddressSpace.plain(request.minimumAddress)
        let maximum = AddressSpace.plain(request.maximumAddress)
        for value in [base, minimum, maximum] where !value.isMultiple(ofPowerOfTwo: pageSize) {
            throw .invalid("\(value) is not a multiple of 4 KiB")
        }
        let pages = request.sizeInPages
        guard pages > 0, pages < 1 << 36 else { throw .invalid("a mapping of \(pages) pages") }
        let size = pages * pageSize
        let mapping = AddressSpace.Mapping(
            target: try target(of: request, size: size, device: device, call),
            driverProtection: request.driverProtection)
        let space = space(of: device.process, on: device.adapter)
        try checkMappingCount(of: space, adding: mapping.pieces(length: size))

        let start: UInt64
        if base != 0 {
            let (end, overflow) = base.addingReportingOverflow(size)
            guard !overflow else { throw .invalid("a range beyond the address space") }
            if space.isFree(base, end) {
                space.own(base, end)
            } else {
                guard space.isOwned(base, end) else { throw .invalid("the range at \(base) is not free") }
                if request.allocation == .none {
                    for region in space.regions.overlapping(base, end) where region.value.kind == .mapOwned {
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
        let operation = PagingOperation.map(
            space, start: start, end: start + size, mapping, regions: space.regionIDs(start, start + size))
        var reply = MessageBuilder<MapGpuVirtualAddress.Reply>()
        reply.virtualAddress = start
        (reply.status, reply.pagingFenceValue) = perform(operation, on: queue)
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
                "\(request.sizeInPages) pages from page \(request.offsetInPages) of an allocation of "
                    + "\(allocation.memory.size) bytes")
        }
        try allocation.requirePages()
        let space = space(of: device.process, on: device.adapter)
        guard !space.isForbidden(request.driverProtection, of: allocation, offset, end) else {
            throw .invalid("the allocation is mapped with another unique driver protection")
        }
        return .allocation(allocation, offset: offset, request.protectionWrite ? .readWrite : .read)
    }

    /// The worker's kernel has a limit on mappings, and the books must not grow without one.
    func checkMappingCount(of space: AddressSpace, adding count: Int) throws(Refusal) {
        let limit = space.process.machine.options.limits.mappingsPerAddressSpace
        guard count <= limit, space.pieces <= limit - count, space.regions.count <= limit - count else {
            throw Refusal(.noMemory, "\(count) mappings more than \(space.pieces), of at most \(limit)")
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
}
