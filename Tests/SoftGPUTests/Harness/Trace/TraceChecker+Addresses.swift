import CSoftGPU
import DXGProtocol

@testable import SoftGPU

/// What is seen at GPU virtual addresses, and the memory behind it.
extension TraceChecker {
    // MARK: What processes ask for

    func map(_ exchange: Exchange) {
        guard let reply = exchange.answer(MapGpuVirtualAddress.Reply.self), reply.status.isSuccess,
            let adapter = exchange.adapter
        else { return }
        exchange.read(MapGpuVirtualAddress.Request.self) { request in
            guard let queue = pagingQueue(request.pagingQueue, exchange) else { return }
            promise(reply.status, reply.pagingFenceValue, by: queue, for: [])
            let isEmpty = request.protectionZero || request.protectionNoAccess
            let shown = isEmpty ? nil : allocation(request.allocation, exchange)
            let start = reply.virtualAddress
            let end = start + request.sizeInPages * pageSize
            let offset = request.offsetInPages * pageSize
            if reply.status == .pending {
                queue.device.process.spaces[adapter].add(start, end, shown, offset: offset)
            } else {
                queue.device.process.spaces[adapter].replace(start, end, shown, offset: offset)
            }
        }
    }

    func reserve(_ exchange: Exchange) {
        guard let reply = exchange.answer(ReserveGpuVirtualAddress.Reply.self), let adapter = exchange.adapter,
            let process = exchange.process
        else { return }
        exchange.read(ReserveGpuVirtualAddress.Request.self) {
            process.spaces[adapter].free(reply.virtualAddress, reply.virtualAddress + $0.size)
        }
    }

    func free(_ exchange: Exchange) {
        guard exchange.isCarriedOut, let adapter = exchange.adapter, let process = exchange.process else { return }
        exchange.read(FreeGpuVirtualAddress.Request.self) { request in
            let start = AddressSpace.plain(request.baseAddress)
            process.spaces[adapter].free(start, start + request.size)
        }
    }

    func update(_ exchange: Exchange) {
        guard exchange.isCarriedOut, let adapter = exchange.adapter else { return }
        exchange.read(UpdateGpuVirtualAddress.Request.self) { request in
            guard let context = context(request.context, exchange), let open = fence(request.fenceObject, exchange)
            else { return }
            let process = context.device.process
            if request.flags & 1 == 0 {
                enqueue(QueueWaitRecord([open.fence], [request.fenceValue]), on: context.updates)
            }
            context.updates.append(.update)
            let signal = SignalRecord([(open.fence, request.fenceValue &+ 1)], process: process)
            open.fence.signals.append(signal)
            enqueue(signal, on: [context.updates])
            let list = request.operations
            for index in 0..<list.count { note(list[index], in: process, adapter, exchange) }
        }
    }

    /// One operation of an update, which takes effect some time.
    private func note(
        _ operation: MessageView<UpdateGpuVirtualAddressOperation>, in process: ProcessRecord, _ adapter: Int,
        _ exchange: Exchange
    ) {
        switch operation.operation {
        case 0, 3:
            let isEmpty = operation.mapProtectProtectionNoAccess || operation.mapProtectProtectionZero
            guard operation.operation == 0 || !isEmpty, let shown = allocation(operation.mapAllocation, exchange)
            else { return }
            let start = AddressSpace.plain(operation.mapBaseAddress)
            let part = operation.mapAllocationSize == 0 ? operation.mapSize : operation.mapAllocationSize
            process.spaces[adapter].update(
                start, start + operation.mapSize, shown, offset: operation.mapAllocationOffset, part: part)
        case 2:
            let start = AddressSpace.plain(operation.copyDestAddress)
            process.spaces[adapter].copy(
                start, start + operation.copySize, from: AddressSpace.plain(operation.copySourceAddress))
        default: break
        }
    }

    // MARK: What workers are told

    /// A worker is shown memory: it must be what its process has asked to see there.
    func checkMapping(_ id: AddressSpaceID, _ address: UInt64, _ span: MemorySpan) {
        guard let worker = workers.workers[id], let guest = guests[worker.guest],
            let process = guest.processes[worker.process]
        else { return find(.residency, "\(id) is shown memory at \(address), it is of no process") }
        guard !(SOFTGPU_VA_HOST_START..<SOFTGPU_VA_HOST_END).contains(address) else {
            return step.endings.append { [self] in checkFencePage(id, address, span, of: process) }
        }
        let candidates = process.spaces[worker.adapter].candidates(at: address)
        let fitting = candidates.filter { candidate in
            let memory = candidate.allocation.memory
            guard candidate.offset + span.length <= memory.size, !memory.isDetached else { return false }
            if case .guestMemory = span.file { return memory.isExisting }
            guard let base = memory.base else { return true }
            return base.file == span.file && base.offset + candidate.offset == span.offset
        }
        guard let found = fitting.first else {
            return find(
                .residency,
                "\(id) is shown \(span) at \(address), where process \(process.handle) has not mapped it")
        }
        if case .guestMemory = span.file { return }
        let memory = found.allocation.memory
        let isSure = fitting.allSatisfy { $0.allocation.memory === memory && $0.offset == found.offset }
        if memory.base == nil, isSure, span.offset >= found.offset {
            settle(memory, MemorySpan(file: span.file, offset: span.offset - found.offset, length: memory.size))
        }
        step.memories += fitting.map(\.allocation.memory)
    }

    /// A map has shown where memory lies.
    private func settle(_ memory: MemoryRecord, _ base: MemorySpan) {
        memory.base = base
        let end = base.offset + base.length
        let guest = memory.guest
        for other in guest.owners[base.file]?.overlapping(base.offset, end) ?? [] {
            find(.release, "\(base) is given to two allocations, the other one has it from \(other.start)")
        }
        _ = guest.owners[base.file, default: RangeMap()].carve(base.offset, end) { owner, _ in owner }
        guest.owners[base.file]?.insert(base.offset, end, memory)
    }

    /// The host's window shows the pages of the process's own fences.
    private func checkFencePage(
        _ id: AddressSpaceID, _ address: UInt64, _ span: MemorySpan, of process: ProcessRecord
    ) {
        guard workers.mapping(id, at: address) != .none else { return }
        let open = process.guest.pages[span.offset]
        if span.file != .ioSpace || span.length != pageSize || open?.process !== process {
            find(.residency, "\(id) is shown \(span) at \(address), which is no page of a fence of its process")
        }
    }

    /// Memory has come back.
    func discarded(_ guest: GuestRecord, _ span: MemorySpan) {
        let end = span.offset + span.length
        for entry in Array(guest.owners[span.file]?.overlapping(span.offset, end) ?? []) {
            let memory = entry.value
            let isHeld = !memory.opens.isEmpty || (memory.content?.ntNames ?? 0) > 0
            if isHeld, !memory.isOffered, !memory.isUncertain, !memory.isDetached {
                find(.release, "\(span) is given back while somebody has it open")
            }
            memory.base = nil
        }
        _ = guest.owners[span.file]?.carve(span.offset, end) { owner, _ in owner }
        guard span.file == .ioSpace else { return }
        step.endings.append { [self] in
            for page in stride(from: span.offset, to: end, by: Int(pageSize)) {
                guest.leavingPages.remove(page)
                if guest.pages[page] != nil { find(.release, "the page at \(page) is given back while a fence has it") }
            }
        }
    }

    // MARK: What workers see

    /// After a step no worker sees memory that is not there for its process.
    func checkMemory() {
        for fence in step.arrivedFences {
            for memory in fence.arriving { memory.arrive() }
            fence.arriving.removeAll { $0.arrivals.isEmpty }
        }
        lingering.removeAll { memory in
            memory.lingering.removeAll { $0.isOver(running: workers.running) }
            guard memory.lingering.isEmpty else { return false }
            step.memories.append(memory)
            return true
        }
        var seen: Set<ObjectIdentifier> = []
        for memory in step.memories where seen.insert(ObjectIdentifier(memory)).inserted { check(memory) }
    }

    private func check(_ memory: MemoryRecord) {
        let guest = memory.guest
        if memory.opens.isEmpty, memory.lingering.isEmpty, (memory.content?.ntNames ?? 0) == 0 {
            guest.memories[ObjectIdentifier(memory)] = nil
        }
        guard let base = memory.base, !memory.isUncertain else { return }
        for (space, address) in workers.seen(guest.id, base) {
            guard let worker = workers.workers[space], let process = guest.processes[worker.process] else { continue }
            if !memory.isVisible(to: process) {
                find(.residency, "\(space) sees \(base) at \(address), which is not resident for its process")
            }
        }
    }
}
