import DXGProtocol
import Testing

@testable import SoftGPU

/// Residency queries, priorities, properties, offers (docs/protocol/semantics.md 10.2 and 13).
@Suite struct AllocationUseTests {
    let host: TestHost
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice
    let queue: VirtualPagingQueue

    init() { self.init(profile: TestHost.profile, localBytes: 4 << 20) }

    private init(profile: AdapterProfile, localBytes: UInt64) {
        host = TestHost(profiles: [profile])
        guest = host.start(localBytes: localBytes)
        process = guest.createProcess()
        device = process.createDevice()
        queue = device.createPagingQueue()
    }

    private func residency(_ allocations: [D3DKMTHandle], resource: D3DKMTHandle = .none) -> [UInt32]? {
        var request = MessageBuilder<QueryAllocationResidency.Request>()
        request.device = device.handle
        request.resource = resource
        request.appendAllocations(allocations)
        let answer = device.call(request)
        guard answer.fields.status == .success, let bytes = answer.bytes else { return nil }
        return (0..<max(allocations.count, 1)).map { bytes.number(at: 4 + 4 * $0) }
    }

    @Test func residencyIsToldPerAllocation() {
        let local = device.allocate(4096)
        let system = device.allocate(4096, heap: 1)
        let away = device.allocate(4096)
        device.makeResident([local, system], on: queue)
        #expect(residency([local, system, away]) == [1, 2, 3])
        let made = device.allocate(4096, count: 2) { $0.flagsCreateResource = true }
        device.makeResident([made.handles[0]], on: queue)
        #expect(residency([], resource: made.resource) == [3])
        device.makeResident([made.handles[1]], on: queue)
        #expect(residency([], resource: made.resource) == [1])
        #expect(residency([]) == nil)
        #expect(residency([local, device.handle]) == nil)
        #expect(residency([local], resource: made.resource) == nil)
    }

    @Test func prioritiesAreKept() {
        let made = device.allocate(4096, count: 3) { $0.flagsCreateResource = true }
        func get(_ allocations: [D3DKMTHandle], resource: D3DKMTHandle = .none) -> [UInt32]? {
            var request = MessageBuilder<GetAllocationPriority.Request>()
            request.device = device.handle
            request.resource = resource
            request.appendAllocations(allocations)
            let answer = device.call(request)
            guard answer.fields.status == .success, let bytes = answer.bytes else { return nil }
            return (0..<max(allocations.count, 1)).map { bytes.number(at: 4 + 4 * $0) }
        }
        func set(_ allocations: [D3DKMTHandle], _ priorities: [UInt32], resource: D3DKMTHandle = .none) -> NTStatus {
            var request = MessageBuilder<SetAllocationPriority.Request>()
            request.device = device.handle
            request.resource = resource
            request.appendAllocations(allocations)
            request.appendPriorities(priorities)
            return device.status(request)
        }
        #expect(get(made.handles) == [0x7800_0000, 0x7800_0000, 0x7800_0000])
        #expect(set(Array(made.handles.prefix(2)), [1, 0xc800_0000]) == .success)
        #expect(get(made.handles) == [1, 0xc800_0000, 0x7800_0000])
        #expect(set([], [7], resource: made.resource) == .success)
        #expect(get([], resource: made.resource) == [7])
        #expect(get(made.handles) == [7, 7, 7])
        #expect(get([]) == nil && get([device.handle]) == nil)
        #expect(set([device.handle], [1]) == .invalidParameter)
    }

    // MARK: Properties

    private static let setSupported: UInt32 = 2
    private static let setPreferred: UInt32 = 4

    private func update(
        _ allocation: D3DKMTHandle, _ segments: UInt32 = 0, mask: UInt32 = setSupported, preferred: UInt32 = 0
    ) -> NTStatus {
        var request = MessageBuilder<UpdateAllocationProperty.Request>()
        request.pagingQueue = queue.handle
        request.allocation = allocation
        request.supportedSegmentSet = segments
        request.preferredSegmentSegmentId0 = preferred
        request.propertyMaskValue = mask
        return device.call(request).fields.status
    }

    @Test func propertiesAreChecked() {
        let allocation = device.allocate(4096)
        #expect(update(allocation, 1) == .success)
        #expect(update(allocation, 3) == .success)
        #expect(update(allocation, 0) == .invalidParameter)
        #expect(update(allocation, 4) == .invalidParameter)
        #expect(update(allocation, mask: 0) == .success)
        #expect(update(allocation, mask: Self.setPreferred, preferred: 2) == .success)
        #expect(update(allocation, mask: Self.setPreferred, preferred: 3) == .invalidParameter)
    }

    /// Memory is in a segment that its set allows, the preferred one if that is possible, and is counted there.
    @Test func propertiesMoveMemory() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        #expect(residency([allocation]) == [1])
        #expect(update(allocation, mask: Self.setPreferred, preferred: 2) == .success)
        #expect(residency([allocation]) == [2])
        #expect(process.videoMemory(0)?.currentUsage == 0 && process.videoMemory(1)?.currentUsage == 65536)
        #expect(update(allocation, 1) == .success)
        #expect(residency([allocation]) == [1])
        // What the set forbids is not preferred.
        #expect(update(allocation, mask: Self.setPreferred, preferred: 2) == .success)
        #expect(residency([allocation]) == [1])
        #expect(process.videoMemory(0)?.currentUsage == 65536 && process.videoMemory(1)?.currentUsage == 0)
        #expect(host.model.adapters[0].committedBytes == [65536, 0])
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(host.model.adapters[0].committedCount == [0, 0])
    }

    @Test func existingMemoryStaysInTheAperture() {
        let existing = device.allocateExisting(4096)
        #expect(update(existing, 1) == .invalidParameter)
        #expect(update(existing, 3) == .success)
        #expect(update(existing, mask: Self.setPreferred, preferred: 1) == .success)
        #expect(host.model.adapters[0].committedBytes == [0, 4096])
    }

    @Test func segmentsThatAreFullTakeNothing() {
        let size: UInt64 = 2 << 20
        var profile = TestHost.profile
        profile.nonLocalMemory = size
        let small = TestHost(profiles: [profile])
        let process = small.start().createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let full = device.allocate(size, heap: 1)
        let other = device.allocate(4096)
        device.makeResident([full], on: queue, flags: 1)
        device.makeResident([other], on: queue)
        var request = MessageBuilder<UpdateAllocationProperty.Request>()
        request.pagingQueue = queue.handle
        request.allocation = other
        request.supportedSegmentSet = 2
        request.propertyMaskValue = Self.setSupported
        #expect(device.call(request).fields.status == .noMemory)
        #expect(process.videoMemory(0)?.currentUsage == 4096)
        device.evict([full])
        #expect(device.call(request).fields.status == .success)
        #expect(process.videoMemory(1)?.currentUsage == 4096)
    }

    // MARK: Offers

    private func offer(
        _ handles: [D3DKMTHandle], priority: UInt32 = 2, flags: UInt32 = 0, areResources: Bool = false
    ) -> NTStatus {
        var request = MessageBuilder<OfferAllocations.Request>()
        request.device = device.handle
        request.priority = priority
        request.flagsValue = flags
        request.resources = areResources
        request.appendAllocations(handles)
        return device.status(request)
    }

    private func reclaim(
        _ handles: [D3DKMTHandle], areResources: Bool = false, wantsResults: Bool = true
    ) -> (status: NTStatus, results: [UInt32]) {
        var request = MessageBuilder<ReclaimAllocations.Request>()
        request.device = device.handle
        request.pagingQueue = queue.handle
        request.resources = areResources
        request.writeResults = wantsResults
        request.appendAllocations(handles)
        let answer = device.call(request)
        let bytes = answer.bytes ?? []
        let count = wantsResults ? handles.count : 1
        return (
            answer.fields.status, bytes.count < 12 + 4 * count ? [] : (0..<count).map { bytes.number(at: 12 + 4 * $0) }
        )
    }

    private static let decommit: UInt32 = 2

    @Test func offeredMemoryIsOutOfSight() {
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 16).virtualAddress
        let space = process.space()!
        #expect(offer([allocation]) == .success)
        #expect(host.checker.mapping(space, at: base) == nil)
        #expect(process.videoMemory(0)?.currentUsage == 0)
        // Its content is there until others need the room.
        #expect(residency([allocation]) == [1])
        #expect(offer([allocation]) == .success)
        #expect(device.makeResident([allocation], on: queue).status == .invalidParameter)
        #expect(reclaim([allocation]).results == [0])
        #expect(host.checker.mapping(space, at: base) != nil)
        #expect(process.videoMemory(0)?.currentUsage == 65536)
        let again = reclaim([allocation])
        #expect(again.status == .success && again.results == [0])
    }

    @Test func offersThatAreRefused() {
        let visible = device.allocate(4096, flags: VirtualDevice.cpuVisible)
        #expect(device.lock(visible).status == .success)
        #expect(offer([visible]) == .graphicsAllocationBusy)
        #expect(device.unlock(visible) == .success)
        #expect(offer([visible], priority: 5) == .invalidParameter)
        #expect(offer([visible], priority: 0) == .invalidParameter)
        #expect(offer([]) == .invalidParameter)
        #expect(offer([visible], areResources: true) == .invalidParameter)
        #expect(offer([device.allocateExisting(4096)]) == .invalidParameter)
        #expect(offer([visible]) == .success)
        #expect(device.lock(visible).status == .invalidParameter)
        #expect(reclaim([device.handle]).status == .invalidParameter)
    }

    @Test func offersWaitForQueuedWork() {
        host.completesJobs = false
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 16).virtualAddress
        let space = process.space()!
        device.submit(to: device.createContext())
        #expect(offer([allocation]) == .success)
        #expect(host.checker.mapping(space, at: base) != nil)
        host.take(.discardOffers(guest.id))
        #expect(guest.machine?.offered.isEmpty == true)
        host.endJob()
        #expect(host.checker.mapping(space, at: base) == nil)
        #expect(guest.machine?.offered.count == 1)
        #expect(reclaim([allocation]).results == [0])
        device.submit(to: device.createContext())
        #expect(offer([allocation], flags: 1) == .success)
        #expect(host.checker.mapping(space, at: base) == nil)
        host.endJob()
    }

    @Test func discardedContentIsTold() throws {
        let made = device.allocate(65536, count: 2) { $0.flagsCreateResource = true }
        let other = device.allocate(65536)
        #expect(offer([made.resource], areResources: true) == .success)
        #expect(offer([other], flags: Self.decommit) == .success)
        host.clearTrace()
        host.take(.discardOffers(guest.id))
        #expect(host.trace.count { if case .discard = $0 { true } else { false } } == 3)
        #expect(try #require(guest.machine).committedBytes == 2 * 65536)
        #expect(reclaim([made.resource], areResources: true).results == [1])
        let returned = reclaim([other])
        #expect(returned.status == .success && returned.results == [1])
        #expect(try #require(guest.machine).committedBytes == 3 * 65536)
        #expect(offer([other]) == .success)
        #expect(reclaim([other], wantsResults: false).results == [0])
    }

    /// Memory that nobody needs gives way to memory that somebody does.
    @Test func offersGiveWayUnderPressure() {
        let low = device.allocate(1 << 20)
        let high = device.allocate(1 << 20)
        let kept = device.allocate(1 << 20)
        #expect(offer([kept]) == .success)
        #expect(offer([high], priority: 3, flags: Self.decommit) == .success)
        #expect(offer([low], priority: 1, flags: Self.decommit) == .success)
        #expect(device.allocate(1 << 20) != .none)
        #expect(device.allocate(1 << 20) != .none)
        #expect(reclaim([high]).results == [0])
        // There is no room for the other one any more: it stays offered.
        #expect(reclaim([low]).results == [2])
        let gone = device.allocate(65536)
        #expect(gone == .none)
        #expect(device.destroyAllocations([high]) == .success)
        #expect(reclaim([low, kept]).results == [1, 0])
        // What was given back and taken again was neither destroyed nor made.
        #expect(host.model.adapters[0].created.count == 5 && host.model.adapters[0].destroyed.count == 1)
        #expect(device.destroy() == .success)
        #expect(host.model.adapters[0].destroyed.count == 5 && host.model.adapters[0].destroyed.bytes == 5 << 20)
        #expect(guest.machine?.committedBytes == 0 && guest.machine?.localPages.used == 0)
        #expect(guest.machine?.offered.isEmpty == true)
        #expect(host.model.adapters[0].committedCount == [0, 0])
    }

    /// What was offered leaves a full segment before anything else, by its own priorities, and its owner learns it.
    @Test func offersLeaveFullSegmentsFirst() {
        var profile = TestHost.profile
        profile.localMemory = 4 << 20
        let small = AllocationUseTests(profile: profile, localBytes: 16 << 20)
        let device = small.device
        let quarter: UInt64 = 1 << 20
        let (low, high, idle) = (device.allocate(quarter), device.allocate(quarter), device.allocate(quarter))
        device.makeResident([low, high, idle], on: small.queue)
        device.evict([idle], onlyIfNecessary: true)
        #expect(small.offer([high], priority: 3) == .success)
        #expect(small.offer([low], priority: 1) == .success)
        let adapter = small.host.model.adapters[0]
        #expect(adapter.offeredBytes == [2 * quarter, 0] && adapter.countInPlace(of: .local) == 3)
        #expect(small.residency([low, high, idle]) == [1, 1, 1])
        device.makeResident([device.allocate(2 * quarter)], on: small.queue, flags: 1)
        #expect(small.residency([low, high, idle]) == [3, 1, 1])
        #expect(adapter.evicted[0].total == quarter)
        device.makeResident([device.allocate(2 * quarter)], on: small.queue, flags: 1)
        #expect(small.residency([low, high, idle]) == [3, 3, 3])
        #expect(adapter.evicted[0].total == 3 * quarter)
        #expect(adapter.offeredBytes == [0, 0] && adapter.offeredCount == [0, 0])
        #expect(small.reclaim([low, high]).results == [1, 1])
    }

    /// An offer without an opinion goes before one of high priority, and after one of low.
    @Test func automaticOffersAreNormal() {
        let offers = [(3, device.allocate(65536)), (4, device.allocate(65536)), (1, device.allocate(65536))]
        for (priority, allocation) in offers {
            #expect(offer([allocation], priority: UInt32(priority)) == .success)
        }
        #expect(guest.machine?.offered.values.compactMap { $0.offer?.priority }.sorted() == [1, 2, 3])
    }

    @Test func sharedMemoryIsOfferedByAll() {
        let shared = device.allocateShared(65536)
        let name = process.share(shared.resource)
        let other = guest.createProcess(pid: 2).createDevice()
        let opened = other.openResource(name)
        other.makeResident(opened.handles, on: other.createPagingQueue())
        #expect(offer(shared.handles) == .success)
        #expect(guest.machine?.offered.isEmpty == true)
        #expect(other.destroyAllocations([], resource: opened.resource) == .success)
        #expect(guest.machine?.offered.count == 1)
        // Who opens it now needs what is in it.
        #expect(!other.openResource(name).handles.isEmpty)
        #expect(guest.machine?.offered.isEmpty == true)
        #expect(reclaim(shared.handles).results == [0])
    }
}
