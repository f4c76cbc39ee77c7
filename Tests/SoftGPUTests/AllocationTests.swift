import DXGProtocol
import Testing
import VMBus

@testable import SoftGPU

/// Allocations and resources (docs/protocol/semantics.md 10 and 14).
@Suite struct AllocationTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice

    init() {
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
    }

    @Test func replyHasAPlaceForEverything() {
        let blobs = [
            VirtualDevice.blob(size: 5000), VirtualDevice.blob(size: 1, flags: 3) + [9, 9, 9],
        ]
        let answer = device.call(device.allocationRequest(blobs) { $0.flagsCreateResource = true })
        let bytes = answer.bytes ?? []
        #expect(bytes.count == 16 + 2 * 72 + 48 + 51)
        #expect(answer.fields.resource != .none)
        #expect(bytes[8..<16].allSatisfy { $0 == 0 })
        let first = Array(bytes[16..<88])
        let second = Array(bytes[88..<160])
        let sizes: [UInt64] = [first.number(at: 16), second.number(at: 16)]
        #expect(sizes == [8192, 4096])
        let dataSizes: [UInt32] = [first.number(at: 4), second.number(at: 4)]
        #expect(dataSizes == [48, 51])
        let flags: [UInt32] = [first.number(at: 8), second.number(at: 8)]
        #expect(flags == [0, 1 << 19])
        #expect(first[24...].allSatisfy { $0 == 0 })
        // The blobs come back filled, as long as they went.
        let size: UInt64 = bytes.number(at: 160 + 16)
        #expect(size == 8192)
        let ids: [UInt64] = [bytes.number(at: 160 + 40), bytes.number(at: 208 + 40)]
        #expect(ids[0] != ids[1])
        #expect(Array(bytes.suffix(3)) == [9, 9, 9])
    }

    @Test func badAllocationsLeaveNothing() {
        func isRefused(
            _ blobs: [[UInt8]], _ change: (inout MessageBuilder<CreateAllocation.Request>) -> Void = { _ in }
        ) -> Bool { device.call(device.allocationRequest(blobs, configure: change)).isShort }
        let good = VirtualDevice.blob(size: 4096)
        var foreign = good
        foreign[0] = 0
        #expect(isRefused([]))
        #expect(isRefused([foreign]))
        #expect(isRefused([good, foreign]))
        #expect(isRefused([Array(good.dropLast())]))
        #expect(isRefused([VirtualDevice.blob(size: 0)]))
        #expect(isRefused([VirtualDevice.blob(size: .max)]))
        #expect(isRefused([VirtualDevice.blob(size: 4096, alignment: 3)]))
        #expect(isRefused([VirtualDevice.blob(size: 4096, heap: 2)]))
        #expect(isRefused([VirtualDevice.blob(size: 1 << 45)]))
        #expect(isRefused([good, VirtualDevice.blob(size: 200 << 20)]))
        #expect(isRefused(Array(repeating: good, count: 1025)))
        #expect(isRefused([good]) { $0.flagsCreateShared = true })
        #expect(isRefused([VirtualDevice.blob(size: 100)]) { $0.flagsExistingSysmem = true })
        #expect(isRefused([good]) { $0.resource = device.handle })
        #expect(process.model?.objects.count == 1)
        #expect(guest.machine?.committedBytes == 0)
        #expect(guest.machine?.localPages.used == 0)
        #expect(guest.machine?.objectCount == 1)
    }

    @Test func primariesAreRefused() {
        var request = MessageBuilder<CreateAllocation.Request>()
        request.device = device.handle
        var info = MessageBuilder<AllocationInfo>()
        info.flags = 1
        info.privDrvDataSize = 48
        request.appendAllocInfo([info])
        request.appendPrivateRuntimeData([1, 2, 3])
        request.appendResourcePrivateDriverData([4])
        request.appendPrivateDriverData([VirtualDevice.blob(size: 4096)])
        #expect(device.call(request).isShort)
    }

    /// A guest of another system may ask for residency at once: all of it, or nothing is made.
    @Test func residencyAtOnce() {
        let made = device.allocate(65536) { $0.makeResident = true }
        #expect(!made.handles.isEmpty)
        #expect(process.videoMemory(0)?.currentUsage == 65536)
        let refused = device.allocate(33 << 20, count: 2) {
            $0.makeResident = true
            $0.flagsCreateResource = true
            $0.flagsCreateShared = true
            $0.flagsNtSecuritySharing = true
        }
        #expect(refused.handles.isEmpty)
        #expect(
            device.allocate(4096, count: 1) { ($0.flagsExistingSysmem, $0.makeResident) = (true, true) }.handles == [])
        #expect(process.videoMemory(0)?.currentUsage == 65536)
        #expect(guest.machine?.committedBytes == 65536 && guest.machine?.shareableObjects == 0)
    }

    @Test func protectedMemoryAndSectionsAreRefused() {
        #expect(device.allocate(4096, count: 1) { $0.flagsCreateProtected = true }.handles.isEmpty)
        #expect(device.allocate(4096, count: 1) { $0.flagsExistingSection = true }.handles.isEmpty)
    }

    @Test func memoryIsLimited() {
        let guest = host.start { $0.limits.memory = 8192 }
        let device = guest.createProcess().createDevice()
        let first = device.allocate(8192)
        #expect(device.allocate(4096) == .none)
        device.destroyAllocations([first])
        #expect(device.allocate(4096) != .none)
    }

    @Test func resourcesGrowUntilTheyAreShared() {
        let made = device.allocate(4096, count: 2) { $0.flagsCreateResource = true }
        let more = device.allocate(4096, count: 1, resource: made.resource)
        #expect(more.resource == made.resource && more.handles.count == 1)
        #expect(device.destroyAllocations([], resource: made.resource) == .success)
        for handle in made.handles + more.handles + [made.resource] { #expect(process.model?.objects[handle] == nil) }
        let shared = device.allocateShared(4096)
        #expect(device.allocate(4096, count: 1, resource: shared.resource).handles.isEmpty)
    }

    /// Cleanup of a failed create names the resource that was there before: it stays (docs/protocol/findings.md D5).
    @Test func listedAllocationsDieAndTheResourceStays() {
        let made = device.allocate(4096, count: 2) { $0.flagsCreateResource = true }
        #expect(device.destroyAllocations(made.handles, resource: made.resource, flags: 1) == .success)
        #expect(process.model?.objects[made.resource] != nil)
        #expect(device.destroy() == .success)
        #expect(guest.machine?.objectCount == 0)
    }

    @Test func destructionIsAllOrNothing() {
        let allocation = device.allocate(4096)
        #expect(device.destroyAllocations([allocation, device.handle]) == .invalidParameter)
        #expect(device.destroyAllocations([allocation, allocation]) == .invalidParameter)
        #expect(device.destroyAllocations([]) == .invalidParameter)
        let other = process.createDevice()
        #expect(other.destroyAllocations([allocation]) == .invalidParameter)
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(device.destroyAllocations([allocation]) == .invalidParameter)
    }

    // MARK: Standard allocations

    private func standardRequest(type: UInt32, size: UInt64, isExisting: Bool) -> MessageBuilder<
        CreateAllocation.Request
    > {
        var description = MessageBuilder<CreateStandardAllocation>()
        description.type = type
        description.existingHeapDataSize = size
        var request = MessageBuilder<CreateAllocation.Request>()
        request.device = device.handle
        request.flagsStandardAllocation = true
        request.flagsExistingSysmem = isExisting
        request.appendAllocInfo([MessageBuilder<AllocationInfo>()])
        request.appendPrivateRuntimeData([])
        request.appendResourcePrivateDriverData(description.bytes)
        request.appendPrivateDriverData([[]])
        return request
    }

    @Test func standardAllocations() {
        let existing = device.call(standardRequest(type: 1, size: 8192, isExisting: true))
        #expect(existing.bytes?.count == 88)
        let flags: UInt32 = (existing.bytes ?? []).number(at: 16 + 8)
        #expect(flags == 0x80800)
        let size: UInt64 = (existing.bytes ?? []).number(at: 16 + 16)
        #expect(size == 8192)
        #expect(!device.call(standardRequest(type: 2, size: 4096, isExisting: false)).isShort)
        #expect(device.call(standardRequest(type: 1, size: 4096, isExisting: false)).isShort)
        #expect(device.call(standardRequest(type: 2, size: 4096, isExisting: true)).isShort)
        #expect(device.call(standardRequest(type: 1, size: 100, isExisting: true)).isShort)
        #expect(device.call(standardRequest(type: 3, size: 4096, isExisting: false)).isShort)
    }

    @Test func standardDataIsAskedTwice() {
        func ask(type: UInt32 = 4, _ size: UInt32, _ resourceSize: UInt32 = 0)
            -> VirtualGuest.Answer<
                DdiGetStandardAllocationDriverData.Reply
            >
        {
            var request = MessageBuilder<DdiGetStandardAllocationDriverData.Request>()
            request.allocType = type
            request.privDriverDataSize = size
            request.privDriverResourceSize = resourceSize
            request.gdiSurfaceWidth = 8192
            request.gdiSurfaceHeight = 1
            request.gdiSurfaceType = 7
            return device.call(request)
        }
        let sizes = ask(0)
        #expect(sizes.bytes?.count == 40)
        #expect(sizes.fields.status == .success && sizes.fields.gdiSurfacePitch == 8192)
        let size = sizes.fields.privDriverDataSize
        #expect(size > 0)
        let data = ask(size)
        #expect(data.fields.privDriverDataSize == size)
        let length = (36 + Int(size) + 7) / 8 * 8
        #expect(data.bytes?.count == length)
        let magic: UInt32 = (data.bytes ?? []).number(at: 36)
        #expect(magic == 0x5550_4753)
        #expect(ask(type: 1, 0).fields.status == .notSupported)
        let small = ask(size - 1)
        #expect(small.fields.status == .bufferTooSmall)
        #expect(small.bytes?.count == length)
    }

    // MARK: Locks

    @Test func lockIsAnAddressInTheWindow() {
        let allocation = device.allocate(3 * 4096, flags: VirtualDevice.cpuVisible)
        let (status, address) = device.lock(allocation)
        #expect(status == .success)
        let end = guest.windowBase + guest.options.ioSpaceBytes
        #expect(address >= guest.windowBase && address + 3 * 4096 <= end)
        // A second lock must succeed (docs/protocol/findings.md D13), and so must an unlock too many.
        #expect(device.lock(allocation).address == address)
        #expect(device.unlock(allocation) == .success)
        #expect(device.unlock(allocation) == .success)
        #expect(device.lock(device.allocate(4096)).status == .invalidParameter)
        #expect(device.lock(.none).status == .invalidParameter)
        var flagged = MessageBuilder<Lock2.Request>()
        flagged.device = device.handle
        flagged.allocation = allocation
        flagged.flagsValue = 1
        #expect(device.call(flagged).fields.status == .invalidParameter)
        _ = device.lock(allocation)
        #expect(device.destroyAllocations([allocation]) == .success)
    }

    /// The guest's check of an address against the window is strict: nothing may touch the window's end.
    @Test func lastPageStaysEmpty() {
        let guest = host.start(ioSpaceBytes: 8 * 4096)
        let device = guest.createProcess().createDevice()
        let end = guest.windowBase + guest.options.ioSpaceBytes
        #expect(device.allocate(8 * 4096, flags: VirtualDevice.cpuVisible) == .none)
        let allocation = device.allocate(5 * 4096, flags: VirtualDevice.cpuVisible)
        let address = device.lock(allocation).address
        #expect(address < end - 5 * 4096)
        let pages = (0..<4).map { _ in device.createFence().page }.filter { $0 != 0 }
        #expect(pages.count == 2)
        #expect(pages.allSatisfy { $0 < end - 4096 })
    }

    @Test func invalidateCacheChecksItsRange() {
        let allocation = device.allocate(4096)
        func status(_ offset: UInt64, _ length: UInt64) -> NTStatus {
            var request = MessageBuilder<InvalidateCache.Request>()
            request.device = device.handle
            request.allocation = allocation
            request.offset = offset
            request.length = length
            return device.status(request)
        }
        #expect(status(0, 4096) == .success)
        #expect(status(4096, 0) == .success)
        #expect(status(1, 4096) == .invalidParameter)
        #expect(status(.max, 1) == .invalidParameter)
    }

    // MARK: Existing system memory

    @Test func pagesComeInSeveralMessages() {
        let queue = device.createPagingQueue()
        let allocation = device.allocateExisting(4 * 4096)
        #expect(device.setPages(allocation, [10, 11, 12, 13, 14]) == .invalidParameter)
        #expect(device.setPages(allocation, [10, 11]) == .success)
        #expect(device.map(allocation, on: queue, pages: 4).status == .invalidParameter)
        #expect(device.makeResident([allocation], on: queue).status == .invalidParameter)
        #expect(device.setPages(allocation, [12, 13], offset: 3) == .invalidParameter)
        #expect(device.setPages(allocation, [1 << 60], offset: 2) == .invalidParameter)
        #expect(device.setPages(allocation, [12, 13], offset: 2) == .success)
        #expect(device.setPages(allocation, [99]) == .invalidParameter)
        #expect(device.setPages(device.allocate(4096), [1]) == .invalidParameter)
        device.makeResident([allocation], on: queue)
        #expect(device.map(allocation, on: queue, pages: 4).status == .success)
        host.completesJobs = false
        device.submit(to: device.createContext())
        #expect(host.jobs[0].coherent.map(\.pages) == [[10, 11, 12, 13]])
        #expect(host.jobs[0].coherent[0].shadow.length == 4 * 4096)
        host.endJob()
    }

    @Test func pagesOfAGPADL() {
        let allocation = device.allocateExisting(3 * 4096)
        #expect(device.setStore(allocation, gpadl: 7) == .invalidParameter)
        let odd = GuestPhysicalRange(byteOffset: 16, byteCount: 4096, pages: [1, 2])
        host.model.gpadlCreated(guest.id, id: 6, ranges: [odd])
        #expect(device.setStore(allocation, gpadl: 6) == .invalidParameter)
        host.model.gpadlCreated(
            guest.id, id: 7, ranges: [GuestPhysicalRange(byteOffset: 0, byteCount: 2 * 4096, pages: [5, 6])])
        #expect(device.setStore(allocation, gpadl: 7) == .invalidParameter)
        host.model.gpadlCreated(
            guest.id, id: 8, ranges: [GuestPhysicalRange(byteOffset: 0, byteCount: 3 * 4096, pages: [5, 6, 9])])
        #expect(device.setStore(allocation, gpadl: 8) == .success)
        host.model.gpadlTornDown(guest.id, id: 8)
        #expect(device.setStore(device.allocateExisting(3 * 4096), gpadl: 8) == .invalidParameter)
    }

    /// The guest takes the pages back right after the reply, so it waits until no worker has them.
    @Test func destroyedExistingMemoryIsOutOfTheWorkerFirst() {
        host.model.shareMemory(guest.id, regions: [GuestMemoryRegion(base: 0x10000, length: 1 << 20)])
        let queue = device.createPagingQueue()
        let allocation = device.allocateExisting(3 * 4096)
        #expect(device.setPages(allocation, [3, 4, 5]) == .invalidParameter)
        #expect(device.setPages(allocation, [0x10f, 0x10e, 0x10d]) == .success)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 3).virtualAddress
        let space = process.space()!
        #expect(
            host.checker.mapping(space, at: base)
                == MemorySpan(file: .guestMemory(region: 0), offset: 0xff000, length: 4096))
        #expect(host.checker.mapping(space, at: base + 4096)??.offset == 0xfe000)
        host.passesBarriers = false
        #expect(device.destroyAllocations([allocation], flags: 1) == nil)
        #expect(host.checker.mapping(space, at: base) == nil)
        #expect(host.trace.contains { if case .releaseGuestPages = $0 { true } else { false } })
        host.passBarrier()
        #expect(guest.takeLateReply()?.count == 4)
        #expect(guest.machine?.committedBytes == 0)
    }

    @Test func neighbouringPagesAreMappedTogether() {
        host.model.shareMemory(
            guest.id,
            regions: [GuestMemoryRegion(base: 0, length: 0x10000), GuestMemoryRegion(base: 0x10000, length: 0x10000)])
        let queue = device.createPagingQueue()
        let allocation = device.allocateExisting(4 * 4096)
        #expect(device.setPages(allocation, [14, 15, 16, 17]) == .success)
        device.makeResident([allocation], on: queue)
        host.clearTrace()
        #expect(device.map(allocation, on: queue, pages: 4).status == .success)
        let maps = host.trace.compactMap { if case .map(_, _, let span, _) = $0 { span } else { nil } }
        #expect(
            maps == [
                MemorySpan(file: .guestMemory(region: 0), offset: 14 * 4096, length: 8192),
                MemorySpan(file: .guestMemory(region: 1), offset: 0, length: 8192),
            ])
    }

    @Test func scatteredPagesCountAsMappings() {
        let guest = host.start { $0.limits.mappingsPerAddressSpace = 20 }
        host.model.shareMemory(guest.id, regions: [GuestMemoryRegion(base: 0, length: 1 << 30)])
        let device = guest.createProcess().createDevice()
        let queue = device.createPagingQueue()
        let allocation = device.allocateExisting(16 * 4096)
        #expect(device.setPages(allocation, (0..<16).map { 1000 - $0 * 2 }) == .success)
        #expect(device.map(allocation, on: queue, pages: 16).status == .success)
        #expect(device.map(allocation, on: queue, pages: 16).status == .noMemory)
    }
}
