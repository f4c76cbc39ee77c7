import DXGProtocol
import Testing

@testable import SoftGPU

/// Compares the model's books with each other and with what workers were told. It may be run between any two inputs.
struct ModelAudit {
    let host: TestHost

    func run() {
        var resident: [[UInt64]] = host.model.adapters.map { _ in [0, 0] }
        var committed = resident
        for machine in host.model.machines.values.sorted(by: { $0.id < $1.id }) {
            let memories = memories(of: machine)
            for memory in memories { check(memory, &resident, &committed) }
            checkSpans(of: machine, memories)
            let total = memories.filter { !$0.isDetached }.reduce(0) { $0 + $1.size }
            expect(total == machine.committedBytes, "\(machine.committedBytes) bytes committed, \(total) found")
            let objects = machine.processes.objects.reduce(0) { $0 + $1.objects.count }
            expect(objects == machine.objectCount, "\(machine.objectCount) objects, \(objects) found")
            for process in machine.processes.objects { check(process) }
        }
        for (index, adapter) in host.model.adapters.enumerated() {
            expect(
                adapter.residentBytes == resident[index], "resident \(adapter.residentBytes), found \(resident[index])")
            expect(
                adapter.committedBytes == committed[index],
                "committed \(adapter.committedBytes), found \(committed[index])")
            checkPlaces(of: adapter)
            checkClaims(on: adapter)
        }
    }

    /// What is in a segment without being resident.
    private func checkPlaces(of adapter: PhysicalAdapter) {
        for group in [SegmentGroup.local, .nonLocal] {
            let left = adapter.evictable.values.filter { $0.group == group }
            expect(
                left.reduce(0) { $0 + $1.size } == adapter.evictableBytes[group.rawValue],
                "\(adapter.evictableBytes[group.rawValue]) bytes left in place")
            expect(left.count == Int(adapter.evictableCount[group.rawValue]), "\(left.count) left in place")
            let offered = adapter.offered.values.filter { $0.group == group }
            expect(
                offered.reduce(0) { $0 + $1.size } == adapter.offeredBytes[group.rawValue],
                "\(adapter.offeredBytes[group.rawValue]) bytes offered in place")
            expect(offered.count == Int(adapter.offeredCount[group.rawValue]), "\(offered.count) offered in place")
            expect(
                left.allSatisfy { !$0.isResident } && offered.allSatisfy { $0.offer != nil && $0.isResident },
                "resident memory is counted twice")
        }
    }

    private func checkClaims(on adapter: PhysicalAdapter) {
        var claimed: [UInt64] = [0, 0]
        for machine in host.model.machines.values {
            for virtual in machine.adapters where virtual.physical === adapter {
                for process in machine.processes.objects {
                    claimed[0] += process.claimedBytes(on: virtual, .local)
                    claimed[1] += process.claimedBytes(on: virtual, .nonLocal)
                }
            }
        }
        expect(claimed == adapter.claimedBytes, "claimed \(adapter.claimedBytes), found \(claimed)")
    }

    private func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) {
        if !isTrue { Issue.record("\(what())") }
    }

    /// All memory that something names: handles, names, and destructions that wait for work.
    private func memories(of machine: VirtualMachine) -> [AllocationMemory] {
        var found: [UInt64: AllocationMemory] = [:]
        for process in machine.processes.objects {
            for device in process.devices {
                for allocation in device.allocations.values { found[allocation.memory.id] = allocation.memory }
                for queue in device.queues {
                    for case .checkpoint(let checkpoint) in queue.queued {
                        for allocation in checkpoint.allocations { found[allocation.memory.id] = allocation.memory }
                    }
                }
            }
        }
        for case .ntResource(let content) in machine.names.objects {
            for memory in content.memories.elements { found[memory.id] = memory }
        }
        return found.values.sorted { $0.id < $1.id }
    }

    private func check(_ memory: AllocationMemory, _ resident: inout [[UInt64]], _ committed: inout [[UInt64]]) {
        let adapter = host.model.adapters.firstIndex { $0 === memory.adapter.physical }!
        let counts = memory.opens.elements.reduce(0) { $0 + $1.residencyCount }
        expect(counts == memory.residency, "residency \(memory.residency), of handles \(counts)")
        expect(memory.lingering >= 0, "lingering \(memory.lingering)")
        expect((memory.payer != nil) == (memory.residency > 0 && memory.offer == nil), "a wrong payer")
        if let payer = memory.payer {
            let isUser = memory.opens.elements.contains { $0.residencyCount > 0 && $0.device.process === payer }
            expect(isUser, "somebody pays for what he does not use")
            resident[adapter][memory.group.rawValue] += memory.size
        }
        if !memory.isDetached { committed[adapter][memory.group.rawValue] += memory.size }
    }

    /// No page has two owners, and no owner is forgotten.
    private func checkSpans(of machine: VirtualMachine, _ memories: [AllocationMemory]) {
        var taken: [MemoryFile: RangeMap<Void>] = [.ioSpace: RangeMap(), .local: RangeMap()]
        func take(_ span: MemorySpan) {
            let isFree = taken[span.file]?.isFree(span.offset, span.offset + span.length) ?? false
            expect(isFree, "\(span) has two owners")
            if isFree { taken[span.file]?.insert(span.offset, span.offset + span.length, ()) }
        }
        for memory in memories {
            switch memory.backing {
            case .span(let span): take(span)
            case .guestPages(let pages): if let shadow = pages.shadow { take(shadow) }
            case .decommitted, .detached: break
            }
        }
        for process in machine.processes.objects {
            for case .syncObject(let open) in process.objects.objects {
                if let page = open.page { take(MemorySpan(file: .ioSpace, offset: page, length: pageSize)) }
            }
        }
        for barrier in host.model.barriers.values where barrier.machine === machine {
            for span in barrier.spans { take(span) }
        }
        for (file, used) in [(MemoryFile.ioSpace, machine.ioPages.used), (.local, machine.localPages.used)] {
            let found = taken[file]!.entries.reduce(0) { $0 + $1.length }
            expect(found == used, "\(used) bytes of \(file) used, \(found) found")
        }
    }

    private func check(_ process: GuestProcess) {
        let queues = process.devices.flatMap(\.queues)
        let packets = queues.reduce(0) { $0 + $1.queued.reduce(0) { $0 + $1.weight } }
        expect(packets == process.queuedPackets, "\(process.queuedPackets) packets queued, \(packets) found")
        let waits = process.devices.flatMap { $0.waits.values }
        let waiters = waits.reduce(0) { $0 + ($1.subject?.opens.count ?? 0) }
        expect(waiters == process.cpuWaiters, "\(process.cpuWaiters) waiters, \(waiters) found")
        expect(waits.allSatisfy { !$0.isDone }, "a wait that is done is kept")
        for space in process.spaces {
            guard let space else { continue }
            check(space)
            let hasOwners = process.objects.objects.allSatisfy { object in
                guard case .allocation(let allocation) = object else { return true }
                return allocation.device.adapter !== space.adapter
                    || allocation.mappedStarts.allSatisfy { start in
                        guard case .allocation(let found, _, _)? = space.mappings.entry(containing: start)?.value.target
                        else { return false }
                        return found === allocation
                    }
            }
            expect(hasOwners, "an allocation believes to be mapped where it is not")
        }
    }

    /// The worker has exactly what is mapped and may be seen.
    private func check(_ space: AddressSpace) {
        var pieces: [Piece] = []
        var count = 0
        for entry in space.mappings.entries {
            count += entry.value.pieces(length: entry.length)
            switch entry.value.target {
            case .allocation(let allocation, let offset, _):
                guard allocation.memory.isVisible else { continue }
                var address = entry.start
                for span in allocation.memory.spans(offset: offset, length: entry.length) {
                    pieces.append(Piece(address, address + span.length, span))
                    address += span.length
                }
            case .fence(let page, _):
                pieces.append(
                    Piece(entry.start, entry.end, MemorySpan(file: .ioSpace, offset: page, length: entry.length)))
            case .zero: pieces.append(Piece(entry.start, entry.end, nil))
            case .noAccess: break
            }
        }
        expect(count == space.pieces, "\(space.pieces) pieces, \(count) found")
        // After a failure there is no worker until something needs one.
        guard space.isOpen else { return }
        let told = host.checker.mappings(space.id)
        let known = Piece.joined(pieces)
        expect(told == known, "\(space.id): the worker has \(told.count) pieces, the model \(known.count)")
    }
}
