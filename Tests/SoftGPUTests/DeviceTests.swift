import DXGProtocol
import Testing

@testable import SoftGPU

/// Devices and their errors (docs/protocol/semantics.md 4 and 5).
@Suite struct DeviceTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice

    init() {
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice(cookie: 0xc00c1e)
        host.completesJobs = false
    }

    // MARK: Loss

    /// The exact order of docs/protocol/semantics.md 5.2.
    @Test func lossHasAnOrder() {
        let fence = device.createFence(1)
        let exempt = device.createFence(1, flags: .noSignalMaxValueOnTdr)
        let context = device.createContext()
        let event = device.wait(fence.handle, 5)
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 3))
        let (_, queued) = device.enqueueEvent(on: [context])
        host.clearTrace()
        guest.forgetNotifications()
        host.endJob(nil, .pageFault(address: 0xdead_b000, isWrite: true))

        #expect(guest.notifications == [.stateChange(0xc00c1e), .event(queued), .event(event)])
        #expect(device.value(of: fence) == .max)
        #expect(device.value(of: exempt) == 1)
        let store = host.trace.firstIndex { if case .storeFence = $0 { true } else { false } }
        let notification = host.trace.firstIndex { if case .notify = $0 { true } else { false } }
        #expect(store! < notification!)
        #expect(host.trace.allSatisfy { if case .storeFence(_, _, 3) = $0 { false } else { true } })

        #expect(device.executionState == .errorDmaPageFault)
        let fault = device.state(.pageFault)
        #expect(fault.pageFaultStateFaultedVirtualAddress == 0xdead_b000)
        #expect(fault.pageFaultStatePageFaultFlags == 1)
        #expect(device.submit(to: context) == .deviceRemoved)
    }

    @Test func lossIsOneDevices() {
        let other = process.createDevice(cookie: 2)
        let fence = other.createFence()
        let context = other.createContext()
        device.submit(to: device.createContext())
        other.submit(to: context)
        other.gpuSignal(on: [context], (fence.handle, 1))
        host.endJob(nil, .invalidCommand(reason: "test"))
        #expect(device.executionState == .errorDmaFault)
        #expect(other.executionState == .active)
        host.endJob()
        #expect(other.value(of: fence) == 1)
        #expect(guest.stateChanges == [0xc00c1e])
    }

    /// What still works on a lost device and what does not (docs/protocol/semantics.md 5.3).
    @Test func operationsOnALostDevice() {
        let queue = device.createPagingQueue()
        let context = device.createContext()
        let hwQueue = device.createHwQueue()
        let fence = device.createFence()
        let allocation = device.allocate(4096, flags: VirtualDevice.cpuVisible)
        device.makeResident([allocation], on: queue)
        #expect(device.markAsError() == .success)
        #expect(device.executionState == .reset)
        #expect(device.markAsError() == .success)
        #expect(guest.stateChanges.count == 1)

        #expect(device.createContext() == .none)
        #expect(device.createHwQueue(on: hwQueue.context).status == .deviceRemoved)
        #expect(device.createFence().handle == .none)
        #expect(device.createPagingQueue().handle == .none)
        #expect(device.allocate(4096) == .none)
        #expect(device.submit(to: context) == .deviceRemoved)
        #expect(device.submit(to: hwQueue, progress: 1) == .deviceRemoved)
        #expect(device.gpuSignal(on: [context], (fence.handle, 1)) == .deviceRemoved)
        #expect(device.gpuWait(on: context, for: [(fence.handle, 1)]) == .deviceRemoved)
        #expect(device.signal((fence.handle, 1)) == .deviceRemoved)
        #expect(device.makeResident([allocation], on: queue).status == .deviceRemoved)
        #expect(device.map(allocation, on: queue, pages: 1).status == .deviceRemoved)
        let peer = process.createDevice()
        let shared = peer.createSharedFence()
        #expect(device.open(shared.global).status == .deviceRemoved)
        let name = process.share(peer.allocateShared(4096).resource)
        #expect(device.openResource(name).resource == .none)
        var update = MessageBuilder<UpdateGpuVirtualAddress.Request>()
        update.device = device.handle
        update.context = context
        update.fenceObject = fence.handle
        #expect(device.status(update) == .deviceRemoved)
        var reclaim = MessageBuilder<ReclaimAllocations.Request>()
        reclaim.device = device.handle
        reclaim.pagingQueue = queue.handle
        reclaim.appendAllocations([allocation])
        #expect(device.call(reclaim).fields.status == .deviceRemoved)

        #expect(process.free(process.reserve(size: 65536)!, 65536) == .success)
        #expect(process.videoMemory(0)?.budget ?? 0 > 0)
        #expect(device.wait(for: [(fence.handle, 77)]).status == .success)
        #expect(guest.events.count == 1)
        #expect(device.lock(allocation).status == .success)
        #expect(device.unlock(allocation) == .success)
        #expect(device.evict([allocation]) == 0)
        var offer = MessageBuilder<OfferAllocations.Request>()
        offer.device = device.handle
        offer.priority = 1
        offer.appendAllocations([allocation])
        #expect(device.status(offer) == .success)
        #expect(device.state(.pageFault).status == .success)
        #expect(device.destroyAllocations([allocation]) == .success)
        #expect(process.destroySyncObject(fence.handle) == .success)
        #expect(device.destroyHwQueue(hwQueue) == .success)
        #expect(device.destroyContext(context) == .success)
        #expect(device.flush() == .success)
        #expect(device.destroy() == .success)
    }

    @Test func markingNeedsAReason() {
        #expect(device.markAsError(reason: 1) == .invalidParameter)
        #expect(device.executionState == .active)
        #expect(device.markAsError(reason: 0x8000_0006) == .success)
    }

    /// A fence whose signaller is lost keeps its mark, whatever a job writes that has not stopped yet.
    @Test func stoppedJobsDoNotUndoTheMark() {
        let fence = device.createFence()
        let context = device.createContext()
        host.completesAborts = false
        device.submit(to: context)
        device.markAsError()
        host.gpuWrites(guest.id, fence.page - guest.windowBase, 6)
        host.endJob(nil, .aborted)
        #expect(device.value(of: fence) == .max)
        #expect(guest.stateChanges.count == 1)
    }

    @Test func gpuWritesAreSignals() {
        let fence = device.createFence()
        let event = device.wait(fence.handle, 5)
        device.submit(to: device.createContext())
        #expect(host.jobs[0].fenceOffsets == [fence.page - guest.windowBase])
        host.gpuWrites(guest.id, fence.page - guest.windowBase, 6)
        #expect(guest.events.isEmpty)
        host.endJob()
        #expect(guest.events == [event])
    }

    /// Two handles of one fence in one process: the page that was not written says nothing.
    @Test func gpuWritesThroughOneOfTwoHandles() {
        let fence = device.createSharedFence(3)
        let (_, opened) = device.open(fence.global, flags: 0)
        device.submit(to: device.createContext())
        host.gpuWrites(guest.id, fence.page - guest.windowBase, 9)
        host.endJob()
        #expect(device.value(of: fence) == 9)
        #expect(device.value(of: opened) == 9)
    }

    /// A job that is stopped does not take back what another device's job has written.
    @Test func stoppedJobsKeepTheWritesOfOthers() {
        let other = process.createDevice()
        let fence = other.createFence()
        device.submit(to: device.createContext(node: 0))
        other.submit(to: other.createContext(node: 1))
        host.gpuWrites(guest.id, fence.page - guest.windowBase, 4)
        device.markAsError()
        #expect(other.value(of: fence) == 4)
        host.endJob()
        let event = other.wait(fence.handle, 4)
        #expect(guest.events == [event])
    }

    // MARK: Timeouts

    @Test func packetsThatRunTooLongAreStopped() {
        let context = device.createContext()
        let fence = device.createFence()
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 1))
        host.advance(by: 19_999_999_999)
        #expect(device.executionState == .active)
        #expect(host.aborted.isEmpty)
        host.advance(by: 1)
        #expect(device.executionState == .hung)
        #expect(device.value(of: fence) == .max)
        #expect(guest.stateChanges == [0xc00c1e])
    }

    enum Exemption: CaseIterable, Sendable {
        case device
        case context
        case hwQueue
    }

    @Test(arguments: Exemption.allCases)
    func packetsWithoutTimeout(_ exemption: Exemption) {
        let device = process.createDevice(disablesTimeout: exemption == .device)
        switch exemption {
        case .device: device.submit(to: device.createContext())
        case .context: device.submit(to: device.createContext(flags: 1 << 2))
        case .hwQueue: device.submit(to: device.createHwQueue(flags: 1), progress: 1)
        }
        #expect(host.jobs.count == 1)
        #expect(host.model.nextDeadline == nil)
        host.advance(by: 1_000_000_000_000)
        #expect(device.executionState == .active)
        host.endJob()
    }

    /// A guest whose work hangs again and again loses its virtual GPU, and nobody else does.
    @Test func tooManyTimeoutsTakeTheAdapterOffline() {
        let host = TestHost { $0.timeouts.packetNanoseconds = 1_000_000_000 }
        let process = host.start().createProcess()
        let bystander = process.createDevice()
        let other = host.start().createProcess().createDevice()
        host.completesJobs = false
        for _ in 0..<6 {
            #expect(bystander.executionState == .active)
            let device = process.createDevice()
            device.submit(to: device.createContext())
            host.advance(by: 1_000_000_000)
            #expect(device.executionState == .hung)
        }
        #expect(bystander.executionState == .stopped)
        #expect(process.createDevice().handle == .none)
        #expect(other.executionState == .active)
    }

    @Test func rareTimeoutsAreForgiven() {
        let host = TestHost { $0.timeouts.packetNanoseconds = 1_000_000_000 }
        let process = host.start().createProcess()
        host.completesJobs = false
        for _ in 0..<20 {
            let device = process.createDevice()
            device.submit(to: device.createContext())
            host.advance(by: 20_000_000_000)
            #expect(device.executionState == .hung)
        }
        #expect(process.createDevice().executionState == .active)
    }

    @Test func blockedTimeDoesNotCount() {
        let context = device.createContext()
        let gate = device.createFence()
        device.gpuWait(on: context, for: [(gate.handle, 1)])
        device.submit(to: context)
        host.advance(by: 100_000_000_000)
        #expect(device.executionState == .active)
        device.signal((gate.handle, 1))
        host.advance(by: 19_000_000_000)
        #expect(device.executionState == .active)
        host.endJob()
    }

    /// Work that waits for a node starts when the slices of those before it are over.
    @Test func longJobsDoNotKeepOthersWaiting() {
        for pid in 0..<5 as Range<UInt64> {
            let device = guest.createProcess(pid: pid).createDevice(disablesTimeout: true)
            device.submit(to: device.createContext())
        }
        #expect(host.jobs.count == 4)
        host.advance(by: SoftGPU.sliceNanoseconds)
        #expect(host.jobs.count == 5)
    }

    // MARK: Queries

    @Test func stateOfAHealthyDevice() {
        let state = device.state()
        #expect(state.device == device.handle && state.stateType == 1 && state.executionState == 1)
        for type in [DeviceStateType.present, .reset, .presentDwm, .presentQueue] {
            let reply = device.state(type)
            #expect(reply.status == .success && reply.stateType == type.rawValue)
            #expect(reply.bytes[8..<56].allSatisfy { $0 == 0 })
        }
        let fault = device.state(.pageFault)
        #expect(fault.pageFaultStateFaultedPrimitiveApiSequenceNumber == .max)
        #expect(fault.pageFaultStateFaultedBindTableEntry == .max)
        #expect(fault.pageFaultStateFaultedVirtualAddress == 0)
        var request = MessageBuilder<GetDeviceState.Request>()
        request.device = device.handle
        request.stateType = 99
        #expect(device.call(request).fields.status == .invalidParameter)
    }

    // MARK: Flush and destruction

    /// The guest flushes device 0 for each of its failed creates (docs/protocol/findings.md D7).
    @Test func flushOfNothing() {
        let nothing = VirtualDevice(process: process, handle: .none, adapter: 0)
        #expect(nothing.flush() == .success)
        #expect(device.flush(reason: 1) == .success)
        #expect(device.executionState == .active)
    }

    /// Flushes for other reasons than the end of the device wait for what runs or can run, and for no fence.
    @Test func flushWaitsForRunnableWork() {
        let context = device.createContext()
        let blocked = device.createContext()
        let fence = device.createFence()
        device.gpuWait(on: blocked, for: [(fence.handle, 1)])
        device.submit(to: blocked)
        #expect(device.flush(reason: 2) == .success)
        device.submit(to: context)
        device.submit(to: context)
        #expect(device.flush(reason: 2) == nil)
        host.endJob()
        #expect(guest.takeLateReply() == nil)
        host.endJob()
        #expect(guest.takeLateReply() == [0, 0, 0, 0])
        #expect(device.executionState == .active)
        device.signal((fence.handle, 1))
        #expect(host.jobs.count == 1)
        host.endJob()
    }

    @Test func flushOfLongWorkIsBounded() {
        device.submit(to: device.createContext(flags: 1 << 2))
        #expect(device.flush(reason: 1) == nil)
        host.advance(by: SoftGPU.flushNanoseconds - 1)
        #expect(guest.takeLateReply() == nil)
        host.advance(by: 1)
        #expect(guest.takeLateReply() == [0, 0, 0, 0])
        #expect(host.jobs.count == 1)
        host.endJob()
    }

    @Test func flushEndsWithItsDevice() {
        device.submit(to: device.createContext())
        #expect(device.flush(reason: 1) == nil)
        let flushed = guest.lastTransaction
        #expect(device.destroy() == .success)
        #expect(guest.takeReply(flushed) == [0, 0, 0, 0])
    }

    @Test func flushWaitsForTheJobToLeave() {
        let context = device.createContext()
        let fence = device.createFence()
        host.completesAborts = false
        device.submit(to: context)
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 1))
        #expect(device.flush() == nil)
        #expect(host.aborted.count == 1)
        host.endJob(nil, .aborted)
        #expect(guest.takeLateReply()?.count == 4)
        #expect(host.jobs.isEmpty)
        #expect(device.value(of: fence) == 0)
        #expect(device.submit(to: context) == .deviceRemoved)
        // Terminating is not an error: nothing is told.
        #expect(guest.stateChanges.isEmpty)
    }

    @Test func deviceDestroyedWhileItsJobRuns() {
        let other = process.createDevice()
        let context = other.createContext()
        host.completesAborts = false
        device.submit(to: device.createContext())
        other.submit(to: context)
        #expect(device.destroy() == .success)
        #expect(device.submit(to: context) == .success)
        let job = host.jobs[0]
        #expect(host.aborted == [job.id])
        host.endJob(job, .pageFault(address: 1, isWrite: false))
        #expect(host.jobs.count == 1)
        #expect(guest.stateChanges.isEmpty)
        host.endJob()
    }

    @Test func destroyTakesEverythingAlong() {
        let context = device.createContext()
        let hwQueue = device.createHwQueue()
        let queue = device.createPagingQueue()
        let fence = device.createFence()
        let allocation = device.allocate(65536)
        let shared = device.allocateShared(4096, count: 2)
        device.makeResident([allocation] + shared.handles, on: queue)
        #expect(device.map(allocation, on: queue, pages: 16).status == .success)
        let event = device.wait(fence.handle, 9)
        #expect(device.destroy() == .success)
        #expect(guest.events == [event])
        #expect(process.model?.objects.count == 0)
        #expect(guest.machine?.objectCount == 0)
        #expect(guest.machine?.committedBytes == 0)
        #expect(host.model.adapters[0].residentBytes == [0, 0])
        #expect(guest.machine?.localPages.used == 0)
        #expect(guest.machine?.ioPages.used == 0)
        #expect(host.checker.isEmpty(process.space()!))
        for handle in [context, hwQueue.context, hwQueue.handle, queue.handle, fence.handle, allocation] {
            #expect(process.model?.objects[handle] == nil)
        }
        #expect(device.destroy() == .invalidParameter)
    }

    @Test func processDestroysWhatItHas() {
        let other = guest.createProcess(pid: 2)
        let opener = other.createDevice()
        let shared = opener.createSharedFence()
        let (_, opened) = device.open(shared.global)
        let context = device.createContext()
        let event = device.wait(opened.handle, 4)
        let mutex = device.createSyncObject(type: 1) { $0.synchronizationMutexInitialState = 1 }
        device.gpuWait(on: context, for: [(mutex, 0)], isLegacy: true)
        device.submit(to: context)
        device.submit(to: device.createContext())
        #expect(host.jobs.count == 1)
        let space = process.space()!
        #expect(process.destroy() == .success)
        #expect(guest.events == [event])
        #expect(host.jobs.isEmpty)
        #expect(!host.checker.openSpaces.contains(space))
        opener.signal((shared.handle, 9))
        #expect(guest.events == [event])
        #expect(process.destroy() == .invalidParameter)
    }

    /// Memory is free when the process that could touch it has been collected, not when it was told to end.
    @Test func memoryWaitsForTheWorkersEnd() {
        host.passesBarriers = false
        let queue = device.createPagingQueue()
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        #expect(device.map(allocation, on: queue, pages: 16).status == .success)
        device.submit(to: device.createContext())
        let space = process.space()!
        #expect(process.destroy() == .success)
        #expect(host.barriers.map(\.spaces) == [[space]])
        #expect(guest.machine?.localPages.used == 65536)
        #expect(guest.machine?.ioPages.used != 0)
        #expect(host.trace.allSatisfy { if case .discard = $0 { false } else { true } })
        host.passBarrier()
        #expect(guest.machine?.localPages.used == 0)
        #expect(guest.machine?.ioPages.used == 0)
    }

    /// So is the memory that is freed while a worker is replaced.
    @Test func memoryWaitsForAReplacedWorker() {
        let queue = device.createPagingQueue()
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        #expect(device.map(allocation, on: queue, pages: 16).status == .success)
        let space = process.space()!
        host.passesBarriers = false
        host.fail(space)
        #expect(device.destroyAllocations([allocation], flags: 1) == .success)
        #expect(guest.machine?.localPages.used == 65536)
        while !host.barriers.isEmpty {
            #expect(host.barriers[0].spaces == [space])
            host.passBarrier()
        }
        #expect(guest.machine?.localPages.used == 0)
    }

    /// The guest takes its pages back after the reply, whichever command ends their allocation.
    @Test(arguments: [false, true])
    func repliesWaitForGuestPages(ofProcess: Bool) {
        let guest = host.start()
        host.model.shareMemory(guest.id, regions: [GuestMemoryRegion(base: 0, length: 1 << 30)])
        let process = guest.createProcess()
        let device = process.createDevice()
        let queue = device.createPagingQueue()
        let allocation = device.allocateExisting(4096)
        #expect(device.setPages(allocation, [5]) == .success)
        device.makeResident([allocation], on: queue)
        #expect(device.map(allocation, on: queue, pages: 1).status == .success)
        host.passesBarriers = false
        #expect((ofProcess ? process.destroy() : device.destroy()) == nil)
        host.passBarrier()
        #expect(guest.takeLateReply() == [0, 0, 0, 0])
    }

    @Test func closedAdapterTakesItsDevices() {
        device.submit(to: device.createContext())
        let fence = device.createFence()
        let event = device.wait(fence.handle, 1)
        guest.closeAdapter()
        #expect(guest.events == [event])
        #expect(process.model?.objects.count == 0)
        #expect(host.checker.openSpaces.isEmpty)
        var request = MessageBuilder<CreateDevice.Request>()
        request.errorCode = 1
        #expect(process.call(request).fields.device == .none)
        #expect(guest.openAdapter().fields.status == .success)
        #expect(process.createDevice().handle != .none)
    }

    @Test func resetBeginsAnew() {
        device.submit(to: device.createContext())
        _ = device.createFence()
        host.take(.reset(guest.id))
        host.take(.negotiate(guest.id, .v40))
        guest.startUp()
        let device = guest.createProcess().createDevice()
        #expect(device.createFence().handle != .none)
    }

    // MARK: Workers that fail

    @Test func failedWorkerIsReplaced() {
        let queue = device.createPagingQueue()
        let allocation = device.allocate(4096)
        device.makeResident([allocation], on: queue)
        let base = device.map(allocation, on: queue, pages: 1).virtualAddress
        let reserved = process.reserve(size: 65536, type: 1)!
        device.submit(to: device.createContext())
        let space = process.space()!
        host.fail(space)
        #expect(device.executionState == .errorOutOfMemory)
        #expect(!host.checker.openSpaces.contains(space))
        let next = process.createDevice()
        next.submit(to: next.createContext())
        #expect(host.jobs.count == 1)
        let replacement = process.space()!
        #expect(replacement != space)
        // What the process still has is there again.
        #expect(host.checker.mapping(replacement, at: base) != nil)
        #expect(host.checker.mapping(replacement, at: reserved) == .some(nil))
        host.endJob()
    }

    @Test func lostWorkerHangsTheDevice() {
        device.submit(to: device.createContext())
        host.endJob(nil, .lost(reason: "killed"))
        #expect(device.executionState == .hung)
    }
}
