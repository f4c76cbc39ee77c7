import DXGProtocol
import Testing

@testable import SoftGPU

/// Sharing among the processes of a guest (docs/protocol/semantics.md 15).
@Suite struct SharingTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice
    let other: VirtualProcess
    let opener: VirtualDevice

    init() {
        guest = host.start()
        process = guest.createProcess(pid: 1)
        device = process.createDevice()
        other = guest.createProcess(pid: 2)
        opener = other.createDevice()
    }

    @Test func waitBeforeSignalAcrossProcesses() {
        let fence = device.createSharedFence(1)
        #expect(fence.global != .none)
        let name = process.share(fence.handle)
        #expect(name != .none)
        let (status, opened) = opener.open(fence.global)
        #expect(status == .success)
        #expect(opened.page != fence.page && opened.gpuAddress != 0)
        #expect(opener.value(of: opened) == 1)
        let event = opener.wait(opened.handle, 7)
        device.signal((fence.handle, 7))
        #expect(guest.events == [event])
        #expect(opener.value(of: opened) == 7 && device.value(of: fence) == 7)
    }

    @Test func fenceOutlivesItsCreator() {
        let fence = device.createSharedFence(5)
        let name = process.share(fence.handle)
        #expect(process.destroy() == .success)
        let (status, opened) = opener.open(fence.global)
        #expect(status == .success)
        #expect(opener.value(of: opened) == 5)
        #expect(other.unshare(name) == .success)
        #expect(other.unshare(name) == .invalidParameter)
        #expect(opener.signal((opened.handle, 6)) == .success)
        #expect(other.destroySyncObject(opened.handle) == .success)
        #expect(opener.open(fence.global).status == .invalidParameter)
        #expect(guest.machine?.names.count == 0)
        #expect(guest.machine?.shareableObjects == 0)
    }

    @Test func resourceOutlivesItsCreator() throws {
        let shared = device.allocateShared(65536, count: 2, flags: VirtualDevice.cpuVisible)
        let address = device.lock(shared.handles[0]).address
        let name = process.share(shared.resource)
        #expect(process.destroy() == .success)
        #expect(try #require(guest.machine).committedBytes == 2 * 65536)
        #expect(opener.openResource(name, count: 1).handles.isEmpty)
        let opened = opener.openResource(name, count: 2)
        #expect(opened.handles.count == 2)
        #expect(opener.lock(opened.handles[0]).address == address)
        #expect(other.unshare(name) == .success)
        #expect(opener.destroyAllocations([], resource: opened.resource) == .success)
        #expect(guest.machine?.committedBytes == 0)
        #expect(guest.machine?.ioPages.used == 0)
        #expect(guest.machine?.shareableObjects == 0)
    }

    @Test func namesKeepResourcesAlive() {
        let shared = device.allocateShared(65536)
        let name = process.share(shared.resource)
        let again = process.share(shared.resource)
        #expect(name != again && again != .none)
        #expect(process.destroy() == .success)
        #expect(other.unshare(name) == .success)
        #expect(guest.machine?.committedBytes == 65536)
        #expect(other.unshare(again) == .success)
        #expect(guest.machine?.committedBytes == 0)
        #expect(guest.machine?.localPages.used == 0)
    }

    @Test func sharedMemoryIsTheSameMemory() {
        let queue = device.createPagingQueue()
        let theirs = opener.createPagingQueue()
        let shared = device.allocateShared(65536)
        let name = process.share(shared.resource)
        let opened = opener.openResource(name)
        device.makeResident(shared.handles, on: queue)
        opener.makeResident(opened.handles, on: theirs)
        let mine = device.map(shared.handles[0], on: queue, pages: 16).virtualAddress
        let yours = opener.map(opened.handles[0], on: theirs, pages: 16).virtualAddress
        let span = host.checker.mapping(process.space()!, at: mine)
        #expect(span != nil && span == host.checker.mapping(other.space()!, at: yours))
        // The memory goes only when nobody has it mapped: both workers are asked.
        host.passesBarriers = false
        #expect(process.unshare(name) == .success)
        #expect(device.destroyAllocations([], resource: shared.resource) == .success)
        #expect(opener.destroyAllocations([], resource: opened.resource) == .success)
        #expect(host.barriers.map(\.spaces) == [[process.space()!, other.space()!]])
        host.passBarrier()
        #expect(guest.machine?.localPages.used == 0)
    }

    @Test func openersHandlesAreTheirOwn() {
        let fence = device.createFence()
        let allocation = device.allocate(4096)
        #expect(opener.signal((fence.handle, 1)) != .success || fence.handle == opener.handle)
        #expect(opener.destroyAllocations([allocation]) == .invalidParameter)
        let stranger = VirtualDevice(process: other, handle: fence.handle, adapter: 0)
        #expect(stranger.destroy() == .invalidParameter)
        #expect(device.signal((fence.handle, 1)) == .success)
    }

    @Test func otherGuestsSeeNothing() {
        let fence = device.createSharedFence()
        let shared = device.allocateShared(4096)
        let name = process.share(shared.resource)
        let guest = host.start()
        let stranger = guest.createProcess().createDevice()
        #expect(stranger.open(fence.global).status == .invalidParameter)
        #expect(stranger.openResource(name).handles.isEmpty)
        #expect(stranger.process.unshare(name) == .invalidParameter)
        #expect(device.openResource(name).handles.count == 1)
    }

    @Test func whatCannotBeShared() {
        let fence = device.createFence()
        #expect(process.share(fence.handle) == .none)
        #expect(process.share(device.allocate(4096)) == .none)
        #expect(process.share(.none) == .none)
        let plain = device.allocate(4096, count: 1) { $0.flagsCreateResource = true }
        #expect(process.share(plain.resource) == .none)
        let shared = device.createSharedFence()
        let name = process.share(shared.handle)
        // Fences are opened by their global name, resources by the NT handle (docs/protocol/semantics.md 15.1).
        #expect(opener.open(name).status == .invalidParameter)
        #expect(opener.openResource(name).handles.isEmpty)
    }

    @Test func refusedOpenHasItsFullSize() {
        var request = MessageBuilder<OpenResource.Request>()
        request.device = opener.handle
        request.allocationCount = 5
        let answer = opener.call(request)
        #expect(answer.bytes?.count == 32)
        #expect(answer.fields.status == .invalidParameter)
    }

    @Test func restrictionsOfAnOpen() {
        let fence = device.createSharedFence()
        let (_, silent) = opener.open(fence.global, flags: 0x13)
        #expect(opener.signal((silent.handle, 4)) == .accessDenied)
        let (_, blind) = opener.open(fence.global, flags: SyncObjectFlags.noGPUAccess.rawValue)
        #expect(blind.gpuAddress == 0)
        #expect(opener.signal((blind.handle, 4)) == .success)
        #expect(device.value(of: fence) == 4)
    }

    /// 1002, 25, 1003 in a row: the wait keeps what it needs (docs/protocol/semantics.md 8.9).
    @Test func syncFileWait() {
        let fence = device.createSharedFence()
        let done = opener.createFence()
        let context = opener.createContext()
        let (_, opened) = opener.open(fence.global, flags: 0x10)
        #expect(opener.gpuWait(on: context, for: [(opened.handle, 21)]) == .success)
        #expect(other.destroySyncObject(opened.handle) == .success)
        opener.gpuSignal(on: [context], (done.handle, 1))
        #expect(opener.value(of: done) == 0)
        device.signal((fence.handle, 21))
        #expect(opener.value(of: done) == 1)
        // A wait on a sync file that has been signalled asks for one more (docs/protocol/findings.md D2).
        let (_, again) = opener.open(fence.global, flags: 0x10)
        #expect(opener.gpuWait(on: context, for: [(again.handle, 22)]) == .success)
        opener.gpuSignal(on: [context], (done.handle, 2))
        #expect(opener.value(of: done) == 1)
        device.signal((fence.handle, 22))
        #expect(opener.value(of: done) == 2)
    }

    @Test func lossReachesOtherProcesses() {
        let fence = device.createSharedFence()
        let (_, opened) = opener.open(fence.global)
        let event = opener.wait(opened.handle, 3)
        device.markAsError()
        #expect(guest.events == [event])
        #expect(opener.executionState == .active)
        #expect(opener.value(of: opened) == .max)
    }

    // MARK: Existing system memory

    @Test func existingMemoryGoesWithItsCreator() {
        host.model.shareMemory(guest.id, regions: [GuestMemoryRegion(base: 0, length: 1 << 20)])
        let shared = device.allocate(4096, count: 1) {
            $0.flagsCreateResource = true
            $0.flagsCreateShared = true
            $0.flagsNtSecuritySharing = true
            $0.flagsExistingSysmem = true
        }
        #expect(device.setPages(shared.handles[0], [5]) == .success)
        let name = process.share(shared.resource)
        let opened = opener.openResource(name)
        #expect(opener.lock(opened.handles[0]).status == .notSupported)
        #expect(opener.unlock(opened.handles[0]) == .success)
        #expect(opener.setPages(opened.handles[0], [6]) == .invalidParameter)
        let queue = opener.createPagingQueue()
        opener.makeResident(opened.handles, on: queue)
        let base = opener.map(opened.handles[0], on: queue, pages: 1).virtualAddress
        let space = other.space()!
        #expect(host.checker.mapping(space, at: base) != nil)
        // An opener's close does not touch the creator's pages.
        let second = opener.openResource(name)
        #expect(opener.destroyAllocations([], resource: second.resource) == .success)
        #expect(host.checker.mapping(space, at: base) != nil)
        host.passesBarriers = false
        #expect(device.destroyAllocations([], resource: shared.resource) == nil)
        #expect(host.checker.mapping(space, at: base) == nil)
        host.passBarrier()
        #expect(guest.takeLateReply()?.count == 4)
        #expect(guest.machine?.committedBytes == 0)
        #expect(opener.destroyAllocations([], resource: opened.resource) == .success)
        #expect(other.unshare(name) == .success)
        #expect(guest.machine?.shareableObjects == 0)
    }

    @Test func sharedObjectsAreLimitedWhenTheyAreMade() {
        let guest = host.start { $0.limits.sharedObjects = 2 }
        let process = guest.createProcess()
        let device = process.createDevice()
        let fence = device.createSharedFence()
        let resource = device.allocateShared(4096)
        #expect(device.createSharedFence().handle == .none)
        #expect(device.allocateShared(4096).handles.isEmpty)
        // A valid object is never refused a name (docs/protocol/findings.md D3).
        #expect(process.share(fence.handle) != .none && process.share(resource.resource) != .none)
        #expect(process.destroySyncObject(fence.handle) == .success)
    }
}
