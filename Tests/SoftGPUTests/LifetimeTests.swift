import DXGProtocol
import Testing

@testable import SoftGPU

/// What is gone is gone: no object of the model outlives its guest, and long lists cost what they should.
@Suite struct LifetimeTests {
    /// Weak references to what must be freed.
    private final class Graves {
        weak var machine: VirtualMachine?
        weak var process: GuestProcess?
        weak var device: Device?
        weak var space: AddressSpace?
        weak var queue: Queue?
        weak var fence: SyncObjectOpen?
        weak var allocation: Allocation?
        weak var memory: AllocationMemory?
        weak var resource: ResourceContent?

        /// The names of those that live. Failed expectations must not look into half-dead objects.
        var left: [String] {
            let objects: [(String, AnyObject?)] = [
                ("machine", machine), ("process", process), ("device", device), ("space", space), ("queue", queue),
                ("fence", fence), ("allocation", allocation), ("memory", memory), ("resource", resource),
            ]
            return objects.compactMap { $1 == nil ? nil : $0 }
        }
    }

    /// A process in the middle of everything.
    private func makeBusyProcess(_ guest: VirtualGuest) -> (VirtualProcess, VirtualDevice, Graves) {
        let host = guest.host
        host.completesJobs = false
        host.completesAborts = false
        host.passesBarriers = false
        let process = guest.createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let context = device.createContext()
        let hwQueue = device.createHwQueue()
        let fence = device.createSharedFence()
        let other = device.createFence()
        let shared = device.allocateShared(65536)
        let allocation = device.allocate(65536, flags: VirtualDevice.cpuVisible)
        let existing = device.allocateExisting(8192)
        _ = device.setPages(existing, [1, 2])
        _ = process.share(fence.handle)
        _ = process.share(shared.resource)
        _ = device.openResource(process.share(shared.resource))
        device.makeResident([allocation, existing] + shared.handles, on: queue)
        _ = device.map(allocation, on: queue, pages: 16)
        _ = device.map(existing, on: queue, pages: 2)
        device.submit(to: context)
        device.submit(to: hwQueue, progress: 1)
        device.gpuWait(on: hwQueue.handle, for: [(fence.handle, 9), (other.handle, 9)])
        device.gpuSignal(on: [context, hwQueue.handle], (fence.handle, 1))
        _ = device.wait(for: [(fence.handle, 5), (other.handle, 5)], any: true)
        _ = device.wait(for: [(fence.handle, 5), (other.handle, 5)])
        device.destroyAllocations([allocation])
        device.evict(shared.handles)
        let mutex = device.createSyncObject(type: 1) { $0.synchronizationMutexInitialState = 1 }
        let blocked = device.createContext()
        device.gpuWait(on: blocked, for: [(mutex, 0)], isLegacy: true)
        device.submit(to: blocked)
        device.destroyContext(blocked)

        let graves = Graves()
        graves.machine = guest.machine
        graves.process = process.model
        graves.space = process.model?.spaces[0]
        let objects = process.model?.objects
        if case .device(let model)? = objects?[device.handle] { graves.device = model }
        if case .hwQueue(let model)? = objects?[hwQueue.handle] { graves.queue = model.queue }
        if case .syncObject(let model)? = objects?[fence.handle] { graves.fence = model }
        if case .allocation(let model)? = objects?[shared.handles[0]] {
            graves.allocation = model
            graves.memory = model.memory
            graves.resource = model.content
        }
        return (process, device, graves)
    }

    @Test func processIsFreed() {
        let host = TestHost()
        let guest = host.start()
        let (process, _, graves) = makeBusyProcess(guest)
        #expect(graves.left.count == 9)
        process.destroy()
        host.passesBarriers = true
        host.carryOut([])
        #expect(graves.left == ["machine", "memory", "resource"])
        #expect(guest.machine?.committedBytes == 65536)
        host.disconnect(guest)
        #expect(graves.left == [])
        #expect(host.model.barriers.isEmpty && host.model.runningJobs.isEmpty && host.model.pendingQueues.isEmpty)
    }

    @Test func guestIsFreed() {
        let host = TestHost()
        let guest = host.start()
        let (_, _, graves) = makeBusyProcess(guest)
        host.disconnect(guest)
        #expect(graves.left == [])
        #expect(host.model.barriers.isEmpty && host.model.runningJobs.isEmpty)
        #expect(host.model.adapters[0].residentBytes == [0, 0])
        #expect(host.model.adapters[0].nodes.allSatisfy { $0.lines.isEmpty && $0.running.isEmpty })
    }

    @Test func deviceIsFreedAfterItsJob() {
        let host = TestHost()
        let guest = host.start()
        let (process, device, graves) = makeBusyProcess(guest)
        device.destroy()
        host.completesAborts = true
        host.passesBarriers = true
        host.carryOut([])
        #expect(graves.left == ["machine", "process", "space", "memory", "resource"])
        #expect(process.model?.objects.count == 1)
        #expect(process.model?.queuedPackets == 0 && process.model?.cpuWaiters == 0)
        host.disconnect(guest)
        #expect(graves.left == [])
    }

    @Test func modelIsFreedWithWorkInIt() {
        weak var model: SoftGPU?
        do {
            let host = TestHost()
            _ = makeBusyProcess(host.start())
            model = host.model
        }
        let isGone = model == nil
        #expect(isGone)
    }

    // MARK: Long lists

    static let many = 10_000

    @Test func manyWaiters() {
        let host = TestHost()
        let guest = host.start()
        let device = guest.createProcess().createDevice()
        let fence = device.createFence()
        var events: [UInt64] = []
        for value in 1...UInt64(Self.many) { events.append(device.wait(fence.handle, value)) }
        for value in 1...UInt64(Self.many) { device.signal((fence.handle, value)) }
        #expect(guest.events == events)
    }

    @Test func manyAllocations() {
        let host = TestHost()
        let guest = host.start(localBytes: 1 << 30)
        let process = guest.createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let resource = device.allocate(4096, count: 1) { $0.flagsCreateResource = true }
        var handles = resource.handles
        while handles.count < Self.many {
            handles += device.allocate(4096, count: 1000, resource: resource.resource).handles
        }
        for start in stride(from: 0, to: handles.count, by: 5000) {
            device.makeResident(Array(handles[start..<min(start + 5000, handles.count)]), on: queue)
        }
        for handle in handles { _ = device.map(handle, on: queue, pages: 1) }
        #expect(device.destroyAllocations([], resource: resource.resource) == .success)
        #expect(guest.machine?.committedBytes == 0)
        #expect(host.trace.count { if case .barrier = $0 { true } else { false } } == 1)
        host.disconnect(guest)
    }

    @Test func manyOpensAndFences() {
        let host = TestHost()
        let guest = host.start(ioSpaceBytes: 256 << 20)
        let process = guest.createProcess()
        let device = process.createDevice()
        let fence = device.createSharedFence()
        let opens = (0..<Self.many).map { _ in device.open(fence.global).fence }
        for open in opens { #expect(process.destroySyncObject(open.handle) == .success) }
        #expect(device.signal((fence.handle, 3)) == .success)
        host.disconnect(guest)
    }

    @Test func manyReadyQueues() {
        let host = TestHost()
        host.completesJobs = false
        let guest = host.start()
        let device = guest.createProcess().createDevice()
        let contexts = (0..<2_000).map { _ in device.createContext() }
        for context in contexts { device.submit(to: context) }
        host.completesJobs = true
        host.carryOut([])
        #expect(host.trace.count { if case .run = $0 { true } else { false } } == 2_000)
    }
}
