import DXGProtocol
import Testing

@testable import SoftGPU

/// Paging operations that take time (docs/protocol/semantics.md 9.1).
@Suite struct PagingTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice
    let queue: VirtualPagingQueue

    init() {
        guest = host.start { $0.pagingNanoseconds = 1_000 }
        process = guest.createProcess()
        device = process.createDevice()
        queue = device.createPagingQueue()
    }

    private func mapping(at address: UInt64) -> MemorySpan?? {
        process.space().flatMap { host.checker.mapping($0, at: address) }
    }

    @Test func operationsArePending() {
        let allocation = device.allocate(65536)
        let resident = device.makeResident([allocation], on: queue)
        #expect(resident.status == .pending && resident.pagingFenceValue == 1)
        let mapped = device.map(allocation, on: queue, pages: 16)
        #expect(mapped.status == .pending && mapped.pagingFenceValue == 2 && mapped.virtualAddress != 0)
        var request = MessageBuilder<UpdateAllocationProperty.Request>()
        request.pagingQueue = queue.handle
        request.allocation = allocation
        let updated = device.call(request).fields
        #expect(updated.status == .pending && updated.pagingFenceValue == 3)
        let event = device.wait(queue.fence, 2)
        #expect(guest.fenceValue(at: queue.page) == 0)
        #expect(host.model.nextDeadline == host.instant.advanced(by: 1_000))
        host.advance(by: 1_000)
        #expect(guest.fenceValue(at: queue.page) == 1)
        #expect(mapping(at: mapped.virtualAddress) == nil)
        host.advance(by: 1_000)
        #expect(guest.events == [event])
        #expect(mapping(at: mapped.virtualAddress) != nil)
        host.advance(by: 1_000)
        #expect(guest.fenceValue(at: queue.page) == 3)
        #expect(host.model.nextDeadline == nil)
        // What is there already takes no time, and the value is one that has been reached.
        let again = device.makeResident([allocation], on: queue)
        #expect(again.status == .success && again.pagingFenceValue == 3)
    }

    @Test func gpuWaitsForPaging() {
        host.completesJobs = false
        let allocation = device.allocate(65536)
        let context = device.createContext()
        device.makeResident([allocation], on: queue)
        device.gpuWait(on: context, for: [(queue.fence, 1)])
        device.submit(to: context)
        #expect(host.jobs.isEmpty)
        host.advance(by: 1_000)
        #expect(host.jobs.count == 1)
        host.endJob()
    }

    @Test func prioritiesOrderTheQueuesOfADevice() {
        let urgent = device.createPagingQueue(priority: 1)
        let lazy = device.createPagingQueue(priority: -1)
        let allocations = (0..<4).map { _ in device.allocate(4096) }
        device.makeResident([allocations[0]], on: queue)
        device.makeResident([allocations[1]], on: lazy)
        device.makeResident([allocations[2]], on: queue)
        device.makeResident([allocations[3]], on: urgent)
        var order: [UInt64] = []
        for _ in 0..<4 {
            let before = [queue, lazy, urgent].map { guest.fenceValue(at: $0.page) }
            host.advance(by: 1_000)
            let after = [queue, lazy, urgent].map { guest.fenceValue(at: $0.page) }
            order.append(contentsOf: (0..<3).filter { before[$0] != after[$0] }.map { UInt64($0) })
        }
        #expect(order == [0, 2, 0, 1])
    }

    @Test func destroyedQueueFinishesItsWork() {
        let allocation = device.allocate(4096)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 1).virtualAddress
        let event = device.wait(queue.fence, 2)
        device.destroyPagingQueue(queue)
        #expect(guest.events == [event])
        #expect(mapping(at: base) != nil)
        #expect(host.model.nextDeadline == nil)
    }

    /// Free drops what is still to be mapped there (docs/protocol/semantics.md 11, CMD 16).
    @Test func freedRangesAreNotMappedLate() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 16).virtualAddress
        #expect(process.free(base, 65536) == .success)
        #expect(process.reserve(size: 65536, base: base) == base)
        host.advance(by: 10_000)
        #expect(mapping(at: base) == nil)
        #expect(guest.fenceValue(at: queue.page) == 2)
    }

    /// Of a map that waits the rest is done where a part of its range was freed; what somebody else put there stays.
    @Test func partlyFreedRangesKeepTheirNewOwner() throws {
        let urgent = device.createPagingQueue(priority: 1)
        let (old, new) = (device.allocate(65536), device.allocate(65536))
        device.makeResident([old, new], on: queue)
        let base = device.map(old, on: queue, pages: 16).virtualAddress
        #expect(process.free(base + 32768, 32768) == .success)
        #expect(device.map(new, on: urgent, pages: 8, base: base + 32768).virtualAddress == base + 32768)
        host.advance(by: 10_000)
        let first = try #require(mapping(at: base) ?? nil)
        let rest = try #require(mapping(at: base + 28672) ?? nil)
        let second = try #require(mapping(at: base + 32768) ?? nil)
        let last = try #require(mapping(at: base + 65536 - 4096) ?? nil)
        #expect(rest.offset == first.offset + 28672)
        #expect(second.offset != first.offset + 32768 && last.offset == second.offset + 28672)
    }

    @Test func destroyedAllocationsDoNotComeIn() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 16).virtualAddress
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(process.free(base, 65536) == .success)
        host.advance(by: 10_000)
        #expect(mapping(at: base) == nil)
        #expect(guest.machine?.committedBytes == 0)
    }

    /// What was evicted only if necessary is there without paging, unless others needed the room.
    @Test func whatStayedTakesNoPaging() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        host.advance(by: 1_000)
        device.evict([allocation], onlyIfNecessary: true)
        #expect(device.makeResident([allocation], on: queue).status == .success)
        device.evict([allocation])
        #expect(device.makeResident([allocation], on: queue).status == .pending)
        // Not yet there: there is nothing to leave in place.
        device.evict([allocation], onlyIfNecessary: true)
        host.advance(by: 1_000)
        #expect(device.makeResident([allocation], on: queue).status == .pending)
    }

    @Test func propertiesChangeInTurn() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        var request = MessageBuilder<UpdateAllocationProperty.Request>()
        request.pagingQueue = queue.handle
        request.allocation = allocation
        request.supportedSegmentSet = 2
        request.setSupportedSegmentSet = true
        let answer = device.call(request).fields
        #expect(answer.status == .pending && answer.pagingFenceValue == 2)
        host.advance(by: 1_000)
        #expect(process.videoMemory(0)?.currentUsage == 65536)
        host.advance(by: 1_000)
        #expect(process.videoMemory(0)?.currentUsage == 0 && process.videoMemory(1)?.currentUsage == 65536)
        #expect(guest.fenceValue(at: queue.page) == 2)
    }

    /// Others may have taken the room by the time that a move is due.
    @Test func lateMovesNeedRoom() {
        var profile = TestHost.profile
        profile.nonLocalMemory = 1 << 20
        let host = TestHost(profiles: [profile])
        let process = host.start { $0.pagingNanoseconds = 1_000 }.createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let (moved, other) = (device.allocate(65536), device.allocate(1 << 20, heap: 1))
        device.makeResident([moved], on: queue)
        var request = MessageBuilder<UpdateAllocationProperty.Request>()
        request.pagingQueue = queue.handle
        request.allocation = moved
        request.preferredSegmentSegmentId0 = 2
        request.setPreferredSegment = true
        #expect(device.call(request).fields.status == .pending)
        #expect(device.makeResident([other], on: queue, flags: 1).status == .pending)
        host.advance(by: 10_000)
        #expect(process.videoMemory(0)?.currentUsage == 65536 && process.videoMemory(1)?.currentUsage == 1 << 20)
    }

    @Test func evictedBeforeItArrived() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        device.evict([allocation])
        #expect(device.map(allocation, on: queue, pages: 16).status == .pending)
        host.advance(by: 10_000)
        #expect(process.videoMemory(0)?.currentUsage == 0)
        #expect(host.trace.allSatisfy { if case .map(_, _, let span, _) = $0 { span.file == .ioSpace } else { true } })
    }

    @Test func lossEndsPaging() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        let event = device.wait(queue.fence, 1)
        device.markAsError()
        #expect(guest.events == [event])
        #expect(guest.fenceValue(at: queue.page) == .max)
        #expect(host.model.nextDeadline == nil)
        host.advance(by: 10_000)
        #expect(device.destroy() == .success)
        #expect(guest.machine?.committedBytes == 0)
    }

    @Test func nonResidentAccessCanBeAllowed() {
        let guest = host.start { $0.allowsNonResidentAccess = true }
        let process = guest.createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let allocation = device.allocate(4096)
        let base = device.map(allocation, on: queue, pages: 1).virtualAddress
        let space = process.space()!
        #expect(host.checker.mapping(space, at: base) != nil)
        device.makeResident([allocation], on: queue)
        device.evict([allocation])
        #expect(host.checker.mapping(space, at: base) != nil)
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(host.checker.mapping(space, at: base) == nil)
    }
}
