import DXGProtocol
import Testing

@testable import SoftGPU

/// What an operator is told of guests and their fences (docs/control.md 4, 5).
@Suite struct InspectionTests {
    let host: TestHost
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice

    init() {
        host = TestHost()
        host.completesJobs = false
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
    }

    private func fence(_ handle: D3DKMTHandle) throws -> FenceInspection {
        let fences = try #require(host.model.inspectFences(of: guest.id, all: true))
        return try #require(fences.first { $0.name.handle == "\(handle)" })
    }

    @Test func aGuestThatIsNotThereHasNothing() {
        let other = GuestID(rawValue: 999)
        #expect(host.model.inspect(other) == nil)
        #expect(host.model.inspectFences(of: other) == nil)
    }

    @Test func objectsAndMemoryAreCounted() throws {
        _ = device.createContext()
        _ = device.createFence()
        let paging = device.createPagingQueue()
        let allocation = device.allocate(1 << 20)
        let before = try #require(host.model.inspect(guest.id)?.processes.first)
        #expect(before.handle == "\(process.handle)")
        #expect(before.pid == process.pid)
        #expect(before.objects.devices == 1)
        #expect(before.objects.contexts == 1)
        #expect(before.objects.pagingQueues == 1)
        #expect(before.objects.allocations == 1)
        // The paging queue has a fence of its own.
        #expect(before.objects.syncObjects == 2)
        #expect(device.makeResident([allocation], on: paging).status.isSuccess)
        let inspection = try #require(host.model.inspect(guest.id))
        #expect(inspection.memory.used == 1 << 20)
        #expect(inspection.adapters.map(\.state) == [.open])
        let memory = try #require(inspection.processes.first?.memory)
        #expect(memory.map(\.resident).reduce(0, +) == 1 << 20)
        #expect(memory.map(\.committed).reduce(0, +) == 1 << 20)
        #expect(memory.filter { $0.group == .local }.allSatisfy { $0.budget > 0 })
        process.destroy()
        let after = try #require(host.model.inspect(guest.id))
        #expect(after.processes == [])
        #expect(after.memory.used == 0)
        #expect(after.objects.used == 0)
    }

    /// A chain: a CPU waits for a fence that a queue signals behind its wait for another one.
    @Test func aChainOfFencesIsFollowed() throws {
        let first = device.createFence()
        let second = device.createFence()
        let context = device.createContext()
        let event = device.wait(second.handle, 7)
        #expect(device.gpuWait(on: context, for: [(first.handle, 3)]) == .success)
        #expect(device.gpuSignal(on: [context], (second.handle, 7)) == .success)

        let blocked = try fence(second.handle)
        #expect(blocked.waiters.map(\.event) == [event])
        #expect(blocked.waiters.map(\.target) == [7])
        let signaller = try #require(blocked.signallers.first)
        #expect(blocked.signallers.count == 1)
        #expect(signaller.value == 7)
        #expect(signaller.packetsAhead == 1)
        #expect(signaller.queue.handle == "\(context)")
        #expect(signaller.blockedBy.state == .waiting)
        let wanted = try #require(signaller.blockedBy.waitsFor.first)
        #expect(wanted.fence.handle == "\(first.handle)")
        #expect(wanted.value == 0)
        #expect(wanted.target == 3)
        let cause = try fence(first.handle)
        #expect(cause.waiters.map(\.queue?.handle) == ["\(context)"])
        #expect(cause.signallers == [])

        device.signal((first.handle, 3))
        #expect(guest.events == [event])
        #expect(host.model.inspectFences(of: guest.id) == [])
        #expect(try fence(second.handle).value == 7)
    }

    @Test func aRunningBufferTellsItsTime() throws {
        let context = device.createContext()
        let done = device.createFence()
        let event = device.wait(done.handle, 1)
        #expect(device.submit(to: context) == .success)
        #expect(device.gpuSignal(on: [context], (done.handle, 1)) == .success)
        host.advance(by: 5_000_000)
        let queue = try #require(try fence(done.handle).signallers.first?.blockedBy)
        #expect(queue.state == .running)
        #expect(queue.runningMilliseconds == 5)
        #expect(queue.millisecondsToTimeout == (host.model.options.timeouts.packetNanoseconds - 5_000_000) / 1_000_000)
        #expect(host.model.inspect(guest.id)?.processes.first?.devices.first?.queues == [queue])
        host.endJob()
        #expect(guest.events == [event])
        #expect(host.model.inspect(guest.id)?.processes.first?.devices.first?.queues == [])
    }

    /// A hardware queue's progress fence is signalled by its command buffers.
    @Test func aProgressFenceNamesItsBuffer() throws {
        let queue = device.createHwQueue()
        let event = device.wait(queue.fence, 1)
        #expect(device.submit(to: queue, progress: 1) == .success)
        let fence = try fence(queue.fence)
        #expect(fence.role == .progressFence)
        #expect(fence.signallers.map(\.value) == [1])
        #expect(fence.signallers.map(\.queue.kind) == [.hwQueue])
        #expect(fence.signallers.map(\.blockedBy.state) == [.running])
        host.endJob()
        #expect(guest.events == [event])
    }
}
