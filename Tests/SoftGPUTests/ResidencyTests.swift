import DXGProtocol
import Testing

@testable import SoftGPU

/// Paging queues, residency and budgets (docs/protocol/semantics.md 9 and 12).
@Suite struct ResidencyTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice
    let queue: VirtualPagingQueue

    init() {
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
        queue = device.createPagingQueue()
    }

    static let megabyte: UInt64 = 1 << 20

    @Test func pagingQueues() {
        #expect(queue.handle != .none && queue.fence != .none && queue.page != 0)
        #expect(guest.fenceValue(at: queue.page) == 0)
        #expect(device.createPagingQueue(priority: 2).handle == .none)
        #expect(device.createPagingQueue(priority: -1).handle != .none)
        var request = MessageBuilder<CreatePagingQueue.Request>()
        request.device = device.handle
        request.physicalAdapterIndex = 1
        #expect(device.call(request).isShort)
        // Fields that the host fills carry the caller's garbage (docs/protocol/findings.md, not a deviation).
        request.physicalAdapterIndex = 0
        request.pagingQueue = D3DKMTHandle(rawValue: 0xdead_beef)
        request.syncObject = D3DKMTHandle(rawValue: 0xdead_beef)
        #expect(!device.call(request).isShort)
        device.destroyPagingQueue(queue)
        #expect(device.makeResident([device.allocate(4096)], on: queue).status == .invalidParameter)
    }

    @Test func countsAddUp() {
        let allocation = device.allocate(Self.megabyte)
        let other = device.allocate(Self.megabyte, heap: 1)
        #expect(device.makeResident([allocation, allocation, other], on: queue).status == .success)
        #expect(process.videoMemory(0)?.currentUsage == Self.megabyte)
        #expect(process.videoMemory(1)?.currentUsage == Self.megabyte)
        device.evict([allocation])
        #expect(process.videoMemory(0)?.currentUsage == Self.megabyte)
        device.evict([allocation])
        #expect(process.videoMemory(0)?.currentUsage == 0)
        // An eviction too many is none.
        #expect(device.evict([allocation]) == 0)
        device.makeResident([allocation], on: queue)
        #expect(process.videoMemory(0)?.currentUsage == Self.megabyte)
    }

    @Test func residencyIsAllOrNothing() {
        let allocation = device.allocate(Self.megabyte)
        #expect(device.makeResident([allocation, device.handle], on: queue).status == .invalidParameter)
        #expect(device.makeResident([], on: queue).status == .invalidParameter)
        #expect(device.makeResident([allocation], on: queue, flags: 2).status == .invalidParameter)
        #expect(process.videoMemory(0)?.currentUsage == 0)
        #expect(device.evict([allocation, queue.handle]) == nil)
        let foreign = process.createDevice().allocate(4096)
        #expect(device.makeResident([foreign], on: queue).status == .invalidParameter)
    }

    /// Of 64 MiB a process alone may have 95 %; with CantTrimFurther all.
    @Test func budgetThenCantTrimFurther() throws {
        let budget = process.videoMemory(0)!.budget
        let size = 64 * Self.megabyte
        #expect(budget == size - size / 20)
        let first = device.allocate(40 * Self.megabyte)
        let second = device.allocate(24 * Self.megabyte)
        #expect(device.makeResident([first], on: queue).status == .success)
        let refused = device.makeResident([second], on: queue)
        #expect(refused.status == .noMemory)
        #expect(refused.numBytesToTrim == 64 * Self.megabyte - budget)
        #expect(try #require(process.videoMemory(0)).currentUsage == 40 * Self.megabyte)
        #expect(device.makeResident([second], on: queue, flags: 1).status == .success)
        #expect(device.evict([]) == 64 * Self.megabyte - budget)
        let third = device.allocate(4096)
        #expect(device.makeResident([third], on: queue, flags: 1).status == .noMemory)
        #expect(device.executionState == .active)
        #expect(device.makeResident([third], on: queue, flags: 3).status == .deviceRemoved)
        #expect(device.executionState == .errorOutOfMemory)
    }

    @Test func othersUseLowersTheBudget() {
        let other = guest.createProcess(pid: 2)
        let hog = other.createDevice()
        let before = process.videoMemory(0)!.budget
        hog.makeResident([hog.allocate(10 * Self.megabyte)], on: hog.createPagingQueue())
        #expect(process.videoMemory(0)!.budget == before - 10 * Self.megabyte)
        #expect(other.videoMemory(0)!.budget == before)
        #expect(other.destroy() == .success)
        #expect(process.videoMemory(0)!.budget == before)
    }

    /// What one has reserved is not in another's budget, until it is used or the process ends.
    @Test func reservationsLowerTheBudgetOfOthers() {
        let other = guest.createProcess(pid: 2)
        let before = process.videoMemory(0)!.budget
        var request = MessageBuilder<ChangeVideoMemoryReservation.Request>()
        request.reservation = 10 * Self.megabyte
        #expect(other.status(request) == .success)
        #expect(process.videoMemory(0)!.budget == before - 10 * Self.megabyte)
        #expect(other.videoMemory(0)!.budget == before && process.videoMemory(1)!.budget == before)
        let user = other.createDevice()
        let paging = user.createPagingQueue()
        let allocations = (0..<2).map { _ in user.allocate(6 * Self.megabyte) }
        user.makeResident([allocations[0]], on: paging)
        #expect(process.videoMemory(0)!.budget == before - 10 * Self.megabyte)
        user.makeResident([allocations[1]], on: paging)
        #expect(process.videoMemory(0)!.budget == before - 12 * Self.megabyte)
        user.evict(allocations)
        #expect(process.videoMemory(0)!.budget == before - 10 * Self.megabyte)
        #expect(other.destroy() == .success)
        #expect(process.videoMemory(0)!.budget == before)
    }

    private func residency(_ allocation: D3DKMTHandle) -> UInt32? {
        var request = MessageBuilder<QueryAllocationResidency.Request>()
        request.device = device.handle
        request.appendAllocations([allocation])
        let answer = device.call(request)
        return answer.fields.status == .success ? answer.bytes?.number(at: 4) : nil
    }

    private func setPriority(_ priority: UInt32, of allocation: D3DKMTHandle) -> NTStatus {
        var request = MessageBuilder<SetAllocationPriority.Request>()
        request.device = device.handle
        request.appendAllocations([allocation])
        request.appendPriorities([priority])
        return device.status(request)
    }

    /// EvictOnlyIfNecessary leaves content in its segment, but the GPU may not touch it (docs/protocol/semantics.md
    /// 12, CMD 12).
    @Test func evictedOnlyIfNecessaryStays() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 16).virtualAddress
        let space = process.space()!
        #expect(host.checker.mapping(space, at: base) != nil)
        #expect(device.evict([allocation], onlyIfNecessary: true) == 0)
        #expect(residency(allocation) == 1)
        #expect(process.videoMemory(0)?.currentUsage == 0)
        #expect(host.checker.mapping(space, at: base) == nil)
        #expect(device.makeResident([allocation], on: queue).status == .success)
        #expect(host.checker.mapping(space, at: base) != nil)
        #expect(device.evict([allocation]) == 0)
        #expect(residency(allocation) == 3)
    }

    /// Under pressure the lowest priority goes first, then what was evicted the earliest; never what is resident.
    @Test func pressureEvictsByPriority() {
        let sixteen = 16 * Self.megabyte
        let resident = device.allocate(sixteen)
        let idle = (0..<3).map { _ in device.allocate(sixteen) }
        device.makeResident([resident] + idle, on: queue, flags: 1)
        #expect(setPriority(0xa000_0000, of: idle[0]) == .success)
        device.evict(idle, onlyIfNecessary: true)
        #expect(idle.map(residency) == [1, 1, 1])
        var next = device.allocate(4096)
        device.makeResident([next], on: queue)
        #expect(idle.map(residency) == [1, 3, 1])
        next = device.allocate(sixteen)
        device.makeResident([next], on: queue)
        #expect(idle.map(residency) == [1, 3, 3])
        next = device.allocate(sixteen)
        device.makeResident([next], on: queue)
        #expect(idle.map(residency) == [3, 3, 3])
        #expect(residency(resident) == 1)
        #expect(host.model.adapters[0].evictableBytes == [0, 0])
    }

    @Test func whatStaysGoesWithItsAllocation() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        device.evict([allocation], onlyIfNecessary: true)
        #expect(host.model.adapters[0].evictableBytes == [65536, 0])
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(host.model.adapters[0].evictableBytes == [0, 0])
        #expect(host.model.adapters[0].evictable.isEmpty)
        #expect(host.model.adapters[0].evicted[0].total == 0)
    }

    @Test func videoMemoryArguments() {
        #expect(process.videoMemory(2) == nil)
        #expect(process.videoMemory(0, index: 1) == nil)
        let info = process.videoMemory(1)!
        #expect(info.availableForReservation == info.budget / 2)
    }

    /// Memory that several processes use is paid for by one that still uses it.
    @Test func sharedMemoryIsPaidForByThoseWhoUseIt() {
        let shared = device.allocateShared(Self.megabyte)
        let name = process.share(shared.resource)
        let other = guest.createProcess(pid: 2)
        let opener = other.createDevice()
        let opened = opener.openResource(name)
        device.makeResident(shared.handles, on: queue)
        opener.makeResident(opened.handles, on: opener.createPagingQueue())
        #expect(process.videoMemory(0)?.currentUsage == Self.megabyte)
        #expect(other.videoMemory(0)?.currentUsage == 0)
        #expect(process.destroy() == .success)
        #expect(other.videoMemory(0)?.currentUsage == Self.megabyte)
        #expect(opener.evict(opened.handles) == 0)
        #expect(other.videoMemory(0)?.currentUsage == 0)
        #expect(host.model.adapters[0].residentBytes == [0, 0])
    }
}
