import DXGProtocol
import Testing

@testable import SoftGPU

/// Synchronization objects (docs/protocol/semantics.md 8).
@Suite struct FenceTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice

    init() {
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
    }

    // MARK: CPU

    @Test func waitBeforeSignal() {
        let fence = device.createFence(1)
        let event = device.wait(fence.handle, 3)
        #expect(device.signal((fence.handle, 2)) == .success)
        #expect(guest.events.isEmpty)
        #expect(device.signal((fence.handle, 3)) == .success)
        #expect(guest.events == [event])
        #expect(device.value(of: fence) == 3)
    }

    @Test func waitThatIsSatisfiedStillHasItsEvent() {
        let fence = device.createFence(5)
        let first = device.wait(fence.handle, 0)
        let second = device.wait(fence.handle, 5)
        #expect(guest.events == [first, second])
    }

    /// A sleeper that was interrupted asks again with a new event; the old wait stays (docs/protocol/semantics.md 8.5).
    @Test func interruptedWaitsPileUp() {
        let fence = device.createFence()
        let events = (0..<20).map { _ in device.wait(fence.handle, 1) }
        device.signal((fence.handle, 1))
        #expect(guest.events == events)
        #expect(process.model?.cpuWaiters == 0)
    }

    @Test func waitForAllLatches() {
        let first = device.createFence()
        let second = device.createFence()
        let (status, event) = device.wait(for: [(first.handle, 4), (second.handle, 4)])
        #expect(status == .success)
        device.signal((first.handle, 4))
        // Going back does not undo what has been seen.
        device.signal((first.handle, 1), rewind: true)
        #expect(device.value(of: first) == 1)
        device.signal((second.handle, 4))
        #expect(guest.events == [event])
    }

    @Test func waitForAny() {
        let first = device.createFence()
        let second = device.createFence()
        let (_, event) = device.wait(for: [(first.handle, 4), (second.handle, 4)], any: true)
        device.signal((second.handle, 9))
        device.signal((first.handle, 9))
        #expect(guest.events == [event])
    }

    /// Fences that nobody signals must not gather the waits that other fences have satisfied.
    @Test func anyWaitsLeaveNothingBehind() {
        let busy = device.createFence()
        let quiet = device.createFence()
        for value in 1...2_000 as ClosedRange<UInt64> {
            _ = device.wait(for: [(busy.handle, value), (quiet.handle, 1)], any: true)
            device.signal((busy.handle, value))
        }
        guard case .syncObject(let open)? = process.model?.objects[quiet.handle] else {
            Issue.record("no fence")
            return
        }
        #expect(open.object.waiters.count < 100)
        #expect(open.waits.isEmpty)
        #expect(guest.events.count == 2_000)
    }

    @Test func theHighestValueIsWaitedForToo() {
        let fence = device.createFence()
        let event = device.wait(fence.handle, .max)
        device.signal((fence.handle, .max - 1))
        #expect(guest.events.isEmpty)
        device.signal((fence.handle, .max))
        #expect(guest.events == [event])
    }

    @Test func valuesDoNotGoBack() {
        let fence = device.createFence(10)
        #expect(device.signal((fence.handle, 4)) == .success)
        #expect(device.value(of: fence) == 10)
        #expect(guest.fenceValue(at: fence.page) == 10)
    }

    @Test func eventsComeInTheOrderOfTheWaits() {
        let fence = device.createFence()
        let late = device.wait(fence.handle, 9)
        let early = device.wait(fence.handle, 2)
        let again = device.wait(fence.handle, 9)
        device.signal((fence.handle, 9))
        #expect(guest.events == [late, early, again])
    }

    @Test func waitsAreLimited() {
        let guest = host.start { $0.limits.waitersPerProcess = 3 }
        let device = guest.createProcess().createDevice()
        let fence = device.createFence()
        for _ in 0..<3 { #expect(device.wait(for: [(fence.handle, 1)]).status == .success) }
        #expect(device.wait(for: [(fence.handle, 1)]).status == .noMemory)
        device.signal((fence.handle, 1))
        #expect(device.wait(for: [(fence.handle, 2)]).status == .success)
    }

    @Test func refusedSignalsChangeNothing() {
        let fence = device.createFence()
        let other = device.createFence(flags: .noSignal)
        #expect(device.signal((fence.handle, 4), (other.handle, 4)) == .accessDenied)
        #expect(device.value(of: fence) == 0)
        let unwaitable = device.createFence(flags: .noWait)
        #expect(device.wait(for: [(fence.handle, 0), (unwaitable.handle, 0)]).status == .accessDenied)
        #expect(device.gpuWait(on: device.createContext(), for: [(unwaitable.handle, 0)]) == .accessDenied)
        #expect(guest.events.isEmpty)
    }

    // MARK: Creation

    struct Flags: Sendable {
        let type: UInt32
        let flags: SyncObjectFlags
    }

    static let wrong = [
        Flags(type: 5, flags: .shared), Flags(type: 5, flags: .ntSecuritySharing),
        Flags(type: 5, flags: [.noSignal, .noWait]), Flags(type: 5, flags: .signalByKmd),
        Flags(type: 1, flags: .noSignal), Flags(type: 3, flags: .topOfPipeline), Flags(type: 2, flags: .noWait),
        Flags(type: 1, flags: .crossAdapter), Flags(type: 6, flags: []), Flags(type: 0, flags: []),
        Flags(type: 7, flags: []),
    ]

    @Test(arguments: wrong)
    func flagsThatAreRefused(_ wrong: Flags) {
        #expect(device.call(device.syncObjectRequest(type: wrong.type, flags: wrong.flags.rawValue)).isShort)
        #expect(process.model?.objects.count == 1)
    }

    @Test func semaphoresAndNotificationsAreChecked() {
        let tooMany = device.syncObjectRequest(type: 2, flags: 0) {
            $0.semaphoreMaxCount = 1
            $0.semaphoreInitialCount = 2
        }
        #expect(device.call(tooMany).isShort)
        #expect(device.call(device.syncObjectRequest(type: 4, flags: 0)).isShort)
    }

    @Test func fencesHavePagesAndAddresses() {
        let fence = device.createFence(7)
        #expect(fence.page % pageSize == 0)
        #expect(fence.page >= guest.windowBase)
        #expect(fence.page < guest.windowBase + guest.options.ioSpaceBytes - pageSize)
        #expect(fence.gpuAddress != 0 && fence.global == .none)
        let space = process.space()!
        #expect(
            host.checker.mapping(space, at: fence.gpuAddress)
                == MemorySpan(file: .ioSpace, offset: fence.page - guest.windowBase, length: pageSize))
        #expect(device.createFence(flags: .noGPUAccess).gpuAddress == 0)
        #expect(process.destroySyncObject(fence.handle) == .success)
        #expect(host.checker.mapping(space, at: fence.gpuAddress) == nil)
    }

    @Test func fencesOfQueuesAreNotTheUsers() {
        let queue = device.createPagingQueue()
        let hwQueue = device.createHwQueue()
        for fence in [queue.fence, hwQueue.fence] {
            #expect(process.destroySyncObject(fence) == .invalidParameter)
            #expect(device.signal((fence, 3)) == .accessDenied)
            #expect(device.wait(for: [(fence, 0)]).status == .success)
        }
    }

    // MARK: Legacy objects

    @Test func mutexIsHeldByOneQueue() {
        let mutex = device.createSyncObject(type: 1) { $0.synchronizationMutexInitialState = 1 }
        let fence = device.createFence()
        let first = device.createContext()
        let second = device.createContext()
        #expect(device.gpuWait(on: first, for: [(mutex, 0)], isLegacy: true) == .success)
        device.gpuSignal(on: [first], (fence.handle, 1))
        #expect(device.gpuWait(on: second, for: [(mutex, 0)], isLegacy: true) == .success)
        device.gpuSignal(on: [second], (fence.handle, 2))
        #expect(device.value(of: fence) == 0)
        let third = device.createContext()
        #expect(device.legacySignal(on: third, [mutex]) == .success)
        #expect(device.value(of: fence) == 1)
        device.legacySignal(on: third, [mutex])
        #expect(device.value(of: fence) == 2)
    }

    /// A wait that ends with its device gives back what it had taken of the objects that it waited for.
    @Test func lostWaitsGiveBackWhatTheyTook() {
        let other = process.createDevice()
        let mutex = device.createSyncObject(type: 1)
        let fence = device.createFence()
        let never = other.createFence()
        other.gpuWait(on: other.createContext(), for: [(mutex, 0), (never.handle, 1)])
        let context = device.createContext()
        device.gpuWait(on: context, for: [(mutex, 0)], isLegacy: true)
        device.gpuSignal(on: [context], (fence.handle, 1))
        #expect(device.value(of: fence) == 0)
        other.markAsError()
        #expect(device.value(of: fence) == 1)
    }

    @Test func semaphoreCountsUpToItsMaximum() {
        let semaphore = device.createSyncObject(type: 2) {
            $0.semaphoreMaxCount = .max
            $0.semaphoreInitialCount = .max
        }
        let context = device.createContext()
        #expect(device.legacySignal(on: context, [semaphore]) == .success)
        #expect(device.gpuWait(on: context, for: [(semaphore, 0)], isLegacy: true) == .success)

        let small = device.createSyncObject(type: 2) { $0.semaphoreMaxCount = 1 }
        let fence = device.createFence()
        let waiter = device.createContext()
        for value in 1...2 as ClosedRange<UInt64> {
            device.gpuWait(on: waiter, for: [(small, 0)], isLegacy: true)
            device.gpuSignal(on: [waiter], (fence.handle, value))
        }
        device.legacySignal(on: context, [small])
        #expect(device.value(of: fence) == 1)
        device.legacySignal(on: context, [small])
        #expect(device.value(of: fence) == 2)
    }

    /// Only the first value of a legacy wait is defined (docs/protocol/findings.md D12).
    @Test func legacyWaitsIgnoreGarbage() {
        let fences = (0..<12).map { _ in device.createSyncObject(type: 3) }
        let context = device.createContext()
        let done = device.createFence()
        let list = fences.enumerated().map { ($1, $0 == 0 ? 3 : 0x8d2b_05a8_51d3_c300) as (D3DKMTHandle, UInt64) }
        #expect(device.gpuWait(on: context, for: list, isLegacy: true) == .success)
        device.gpuSignal(on: [context], (done.handle, 1))
        let other = device.createContext()
        #expect(device.legacySignal(on: other, Array(fences.dropLast()), value: 3) == .success)
        #expect(device.value(of: done) == 0)
        device.legacySignal(on: other, [fences[11]], value: 4)
        #expect(device.value(of: done) == 1)
    }

    @Test func cpuNotificationsComeAgainAndAgain() {
        let event = guest.newEvent()
        let notification = device.createSyncObject(type: 4) { $0.cpuNotificationEvent = event }
        let context = device.createContext()
        for _ in 0..<3 { #expect(device.legacySignal(on: context, [notification]) == .success) }
        #expect(guest.events == [event, event, event])
        #expect(device.gpuWait(on: context, for: [(notification, 0)]) == .invalidParameter)
        #expect(device.wait(for: [(notification, 0)]).status == .invalidParameter)
        let byDriver = device.createSyncObject(type: 4, flags: SyncObjectFlags.signalByKmd.rawValue) {
            $0.cpuNotificationEvent = 99
        }
        #expect(device.legacySignal(on: context, [byDriver]) == .invalidParameter)
    }

    /// Objects of the types 1 to 4 belong to the process, not to the device (docs/protocol/semantics.md 8.1).
    @Test func legacyObjectsOutliveTheirDevice() {
        let mutex = device.createSyncObject(type: 1)
        let legacy = device.createSyncObject(type: 3)
        let monitored = device.createFence()
        device.destroy()
        let other = process.createDevice()
        let context = other.createContext()
        #expect(other.gpuWait(on: context, for: [(mutex, 0)], isLegacy: true) == .success)
        #expect(other.legacySignal(on: context, [legacy], value: 1) == .success)
        #expect(process.destroySyncObject(monitored.handle) == .invalidParameter)
        #expect(process.destroySyncObject(mutex) == .success)
        #expect(process.destroySyncObject(mutex) == .invalidParameter)
    }

    // MARK: Lives

    @Test func closingAHandleReleasesItsWaits() {
        let fence = device.createSharedFence()
        let other = guest.createProcess(pid: 9)
        let opener = other.createDevice()
        let (status, opened) = opener.open(fence.global)
        #expect(status == .success)
        let own = device.wait(fence.handle, 5)
        let theirs = opener.wait(opened.handle, 5)
        #expect(process.destroySyncObject(fence.handle) == .success)
        #expect(guest.events == [own])
        opener.signal((opened.handle, 5))
        #expect(guest.events == [own, theirs])
    }

    @Test func lastCloseLetsQueuesGo() {
        let fence = device.createFence()
        let done = device.createFence()
        let context = device.createContext()
        device.gpuWait(on: context, for: [(fence.handle, 5)])
        device.gpuSignal(on: [context], (done.handle, 1))
        #expect(device.value(of: done) == 0)
        #expect(process.destroySyncObject(fence.handle) == .success)
        #expect(device.value(of: done) == 1)
    }

    @Test func destroyedQueuesReleaseTheirWaiters() {
        let queue = device.createPagingQueue()
        let hwQueue = device.createHwQueue()
        let first = device.wait(queue.fence, 5)
        let second = device.wait(hwQueue.fence, 5)
        device.destroyPagingQueue(queue)
        #expect(guest.events == [first])
        #expect(device.destroyHwQueue(hwQueue) == .success)
        #expect(guest.events == [first, second])
    }

    /// A wait made on a device ends with it, whosever the fence is.
    @Test func destroyedDeviceReleasesItsWaits() {
        let other = process.createDevice()
        let fence = other.createFence()
        let event = device.wait(fence.handle, 5)
        device.destroy()
        #expect(guest.events == [event])
        other.signal((fence.handle, 5))
        #expect(guest.events == [event])
    }

    @Test func pagesComeBackLateAndEmpty() {
        let fence = device.createFence(1234)
        #expect(process.destroySyncObject(fence.handle) == .success)
        let page = MemorySpan(file: .ioSpace, offset: fence.page - guest.windowBase, length: pageSize)
        #expect(host.trace.contains { if case .discard(_, page) = $0 { true } else { false } })
        for _ in 0..<255 {
            let next = device.createFence()
            #expect(next.page != fence.page)
            #expect(process.destroySyncObject(next.handle) == .success)
        }
    }
}
