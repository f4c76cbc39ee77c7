import DXGProtocol
import Testing

@testable import SoftGPU

/// Contexts, hardware queues and what is queued on them (docs/protocol/semantics.md 6 and 8.3).
@Suite struct QueueTests {
    let host = TestHost()
    let guest: VirtualGuest
    let process: VirtualProcess
    let device: VirtualDevice

    init() {
        guest = host.start()
        process = guest.createProcess()
        device = process.createDevice()
        host.completesJobs = false
    }

    @Test func packetsRunInOrder() {
        let context = device.createContext()
        let fence = device.createFence()
        device.submit(to: context, at: 0x1_0000_0000)
        device.gpuSignal(on: [context], (fence.handle, 1))
        device.submit(to: context, at: 0x2_0000_0000)
        device.gpuSignal(on: [context], (fence.handle, 2))
        #expect(host.jobs.map(\.commandBuffer) == [0x1_0000_0000])
        #expect(device.value(of: fence) == 0)
        host.endJob()
        #expect(device.value(of: fence) == 1)
        #expect(host.jobs.map(\.commandBuffer) == [0x2_0000_0000])
        host.endJob()
        #expect(device.value(of: fence) == 2)
    }

    @Test func signalAtSubmissionOvertakes() {
        let context = device.createContext()
        let fence = device.createFence()
        let top = device.createFence(flags: .topOfPipeline)
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 1), atSubmission: true)
        device.gpuSignal(on: [context], (top.handle, 1))
        #expect(device.value(of: fence) == 1)
        #expect(device.value(of: top) == 1)
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 2), atSubmission: true)
        #expect(device.value(of: fence) == 1)
        host.endJob()
        #expect(device.value(of: fence) == 2)
    }

    @Test func broadcastSignalWaitsForAllQueues() {
        let first = device.createContext()
        let second = device.createContext(node: 1)
        let fence = device.createFence()
        device.submit(to: first)
        device.submit(to: second)
        device.gpuSignal(on: [first, second], (fence.handle, 1))
        host.endJob()
        #expect(device.value(of: fence) == 0)
        host.endJob()
        #expect(device.value(of: fence) == 1)
        #expect(host.trace.count { if case .storeFence(_, _, 1) = $0 { true } else { false } } == 1)
    }

    @Test func broadcastSubmissionRunsOnEveryContext() {
        let first = device.createContext()
        let second = device.createContext(node: 1)
        device.submit(to: first, second)
        #expect(host.jobs.map(\.node) == [0, 1])
    }

    @Test func gpuWaitsHoldTheirQueueAndNoOther() {
        let first = device.createContext()
        let second = device.createContext()
        let fence = device.createFence()
        device.gpuWait(on: first, for: [(fence.handle, 1)])
        device.submit(to: first)
        #expect(host.jobs.isEmpty)
        device.submit(to: second)
        device.gpuSignal(on: [second], (fence.handle, 1))
        #expect(host.jobs.count == 1)
        host.endJob()
        #expect(host.jobs.count == 1)
    }

    @Test func gpuWaitForAllLatches() {
        let context = device.createContext()
        let first = device.createFence()
        let second = device.createFence()
        let done = device.createFence()
        device.gpuWait(on: context, for: [(first.handle, 2), (second.handle, 2)])
        device.gpuSignal(on: [context], (done.handle, 1))
        device.signal((first.handle, 2))
        device.signal((first.handle, 0), rewind: true)
        device.signal((second.handle, 2))
        #expect(device.value(of: done) == 1)
    }

    @Test func cpuEventComesBehindABlockedQueue() {
        let first = device.createContext()
        let second = device.createContext()
        let fence = device.createFence()
        device.gpuWait(on: first, for: [(fence.handle, 1)])
        let (status, event) = device.enqueueEvent(on: [first, second])
        #expect(status == .success)
        #expect(guest.events.isEmpty)
        device.signal((fence.handle, 1))
        #expect(guest.events == [event])
    }

    /// Objects and an event in one message (docs/protocol/findings.md D11): the guest frees the event after a refusal.
    @Test func eventWithObjectsIsRefused() {
        let context = device.createContext()
        let fence = device.createFence()
        var request = MessageBuilder<SignalSyncObject.Request>()
        request.flagsEnqueueCpuEvent = true
        request.fenceValue = 17
        request.cpuEventHandle = 17
        request.appendObjects([fence.handle])
        request.appendContexts([context])
        #expect(device.status(request) == .invalidParameter)
        #expect(guest.events.isEmpty && device.value(of: fence) == 0)
        #expect(device.status(VirtualDevice.eventRequest(0, on: [context])) == .invalidParameter)
        #expect(device.status(VirtualDevice.eventRequest(5, on: [])) == .invalidParameter)
    }

    /// A monitored fence in a signal without values takes the legacy one.
    @Test func signalWithoutValues() {
        let context = device.createContext()
        let fence = device.createFence()
        #expect(device.legacySignal(on: context, [fence.handle], value: 42) == .success)
        #expect(device.value(of: fence) == 42)
    }

    @Test func nullRenderingSignalsInOrder() {
        let context = device.createContext(flags: 1)
        let other = device.createContext()
        let fence = device.createFence()
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 1))
        device.submit(to: other, isNull: true)
        device.gpuSignal(on: [other], (fence.handle, 2))
        #expect(host.jobs.isEmpty)
        #expect(device.value(of: fence) == 2)
    }

    @Test func synchronizationOnlyTakesNoCommands() {
        let context = device.createContext(flags: 1 << 3)
        let fence = device.createFence()
        #expect(device.submit(to: context) == .invalidParameter)
        #expect(device.gpuSignal(on: [context], (fence.handle, 1)) == .success)
        #expect(device.value(of: fence) == 1)
        let hwQueue = device.createHwQueue(on: device.createContext(flags: 1 << 3 | 1 << 4))
        #expect(device.submit(to: hwQueue, progress: 1) == .invalidParameter)
        #expect(device.gpuSignal(on: [hwQueue.handle], (fence.handle, 2)) == .success)
        #expect(device.value(of: fence) == 2)
    }

    // MARK: Contexts

    @Test(arguments: [0, 1, 7, 13])
    func contextRepliesEchoTheirData(length: Int) {
        let data = (0..<length).map { UInt8($0 + 1) }
        var request = MessageBuilder<CreateContextVirtual.Request>()
        request.device = device.handle
        request.appendPrivateDriverData(data)
        let bytes = device.call(request).bytes ?? []
        #expect(bytes.count == 55 + length)
        #expect(Array(bytes[52..<52 + length]) == data)
        #expect(bytes[(52 + length)...].allSatisfy { $0 == 0 })
        request.nodeOrdinal = 99
        let refused = device.call(request)
        #expect(refused.fields.context == .none)
        #expect(refused.bytes?.count == 55 + length)
        #expect(Array((refused.bytes ?? [])[52..<52 + length]) == data)
    }

    @Test func contextArguments() {
        #expect(device.createContext(affinity: 1) != .none)
        #expect(device.createContext(affinity: 2) == .none)
        #expect(device.createContext(node: 2) == .none)
        #expect(device.createContext(flags: 0x8000_0000) != .none)
    }

    @Test func hardwareQueuesNeedHardwareScheduling() {
        var profile = TestHost.profile
        profile.hardwareScheduling = false
        let host = TestHost(profiles: [profile])
        let device = host.start().createProcess().createDevice()
        #expect(device.createContext(flags: 1 << 4) == .none)
        let plain = device.createContext()
        let refused = device.createHwQueue(on: plain)
        // A handle in a refused reply would make the guest send a destroy (docs/protocol/findings.md D6).
        #expect(refused.status == .notSupported && refused.handle == .none && refused.fence == .none)
    }

    @Test func destroyedContextDrains() {
        let context = device.createContext()
        let fence = device.createFence()
        let gate = device.createFence()
        device.gpuWait(on: context, for: [(gate.handle, 1)])
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 1))
        #expect(device.destroyContext(context) == .success)
        #expect(device.destroyContext(context) == .invalidParameter)
        #expect(device.submit(to: context) == .invalidParameter)
        device.signal((gate.handle, 1))
        host.endJob()
        #expect(device.value(of: fence) == 1)
        guard case .device(let model)? = process.model?.objects[device.handle] else { return }
        #expect(model.drainingQueues.isEmpty)
    }

    // MARK: Hardware queues

    @Test(arguments: [0, 1, 5])
    func hardwareQueueReply(length: Int) {
        let context = device.createContext(flags: 1 << 4)
        let queue = device.createHwQueue(on: context, data: Array(repeating: 7, count: length))
        #expect(queue.status == .success)
        #expect(queue.handle != .none && queue.fence != .none)
        #expect(queue.page % pageSize == 0 && queue.page >= guest.windowBase)
        #expect(queue.gpuAddress != 0)
    }

    @Test func progressFenceFollowsTheCommands() {
        let queue = device.createHwQueue()
        let event = device.wait(queue.fence, 2)
        #expect(device.submit(to: queue, progress: 1) == .success)
        #expect(device.submit(to: queue, progress: 2) == .success)
        #expect(device.submit(to: queue, progress: 2) == .invalidParameter)
        host.endJob()
        #expect(guest.fenceValue(at: queue.page) == 1)
        host.endJob()
        #expect(guest.fenceValue(at: queue.page) == 2)
        #expect(guest.events == [event])
    }

    @Test func signalsAndWaitsNameHardwareQueues() {
        let first = device.createHwQueue()
        let second = device.createHwQueue(on: first.context)
        let fence = device.createFence()
        #expect(device.gpuWait(on: first.handle, for: [(fence.handle, 1)]) == .success)
        #expect(device.submit(to: first, progress: 1) == .success)
        #expect(host.jobs.isEmpty)
        #expect(device.gpuSignal(on: [second.handle], (fence.handle, 1)) == .success)
        #expect(host.jobs.count == 1)
        #expect(device.gpuWait(on: first.context, for: [(fence.handle, 1)]) == .invalidParameter)
        #expect(device.submit(to: first.context) == .invalidParameter)
        #expect(device.createHwQueue(on: first.context, flags: 1 << 4).status == .notSupported)
    }

    @Test func hardwareQueuesGoWithTheirContext() {
        let queue = device.createHwQueue()
        #expect(device.destroyContext(queue.context) == .success)
        #expect(device.destroyHwQueue(queue) == .invalidParameter)
        #expect(device.wait(for: [(queue.fence, 0)]).status == .invalidParameter)
    }

    // MARK: Submissions

    @Test func submissionArguments() {
        let context = device.createContext()
        var request = VirtualDevice.submission(to: [context])
        request.numPrimaries = 17
        #expect(device.status(request) == .invalidParameter)
        request.numPrimaries = 16
        #expect(device.status(request) == .success)
        #expect(device.status(VirtualDevice.submission(to: [])) == .invalidParameter)
        request = VirtualDevice.submission(to: [context])
        request.broadcastContextCount = 65
        #expect(device.status(request) == .invalidParameter)
        let other = process.createDevice().createContext()
        #expect(device.submit(to: context, other) == .invalidParameter)
        #expect(device.submit(to: context, at: 0x1_0000_0004) == .invalidParameter)
    }

    @Test func queuedWorkIsLimited() {
        let guest = host.start { $0.limits.queuedPacketsPerProcess = 4 }
        let process = guest.createProcess()
        let device = process.createDevice()
        let context = device.createContext()
        let gate = device.createFence()
        device.gpuWait(on: context, for: [(gate.handle, 1)])
        for _ in 0..<3 { #expect(device.submit(to: context) == .success) }
        #expect(device.submit(to: context) == .noMemory)
        #expect(device.executionState == .active)
        // Without a reply the device is lost for it.
        process.post(VirtualDevice.submission(to: [context]))
        #expect(device.executionState == .errorOutOfMemory)
        #expect(process.model?.queuedPackets == 0)
    }

    // MARK: Asynchronous messages

    @Test func asynchronousMessagesAreNotAnswered() {
        let context = device.createContext()
        let fence = device.createFence()
        let answers = host.trace.count { if case .complete = $0 { true } else { false } }
        process.post(VirtualDevice.submission(to: [context]))
        process.post(VirtualDevice.signalRequest([(fence.handle, 3)], queues: [context]))
        #expect(host.jobs.count == 1)
        host.endJob()
        #expect(device.value(of: fence) == 3)
        #expect(host.trace.count { if case .complete = $0 { true } else { false } } == answers)
    }

    @Test func asynchronousErrors() {
        let context = device.createContext()
        let fence = device.createFence(flags: .noSignal)
        process.post(VirtualDevice.signalRequest([(fence.handle, 3)], device: device.handle))
        process.post(VirtualDevice.gpuWaitRequest(on: context, for: [(fence.global, 3)]))
        #expect(device.executionState == .active)
        process.post(VirtualDevice.submission(to: [context], at: 4))
        #expect(device.executionState == .errorDmaFault)
        // Its waiter would hang: the guest has not been told that it was refused.
        let event = guest.newEvent()
        process.post(VirtualDevice.eventRequest(event, on: [context]))
        #expect(guest.events == [event])
    }

    // MARK: Nodes

    @Test func oneJobOfAnAddressSpacePerNode() {
        let contexts = (0..<3).map { _ in device.createContext() }
        for context in contexts { device.submit(to: context) }
        #expect(host.jobs.count == 1)
        let other = guest.createProcess(pid: 2).createDevice()
        other.submit(to: other.createContext())
        #expect(host.jobs.count == 2)
        host.endJob()
        #expect(host.jobs.count == 2)
    }

    /// A guest that comes late has no claim to all that it did not use before.
    @Test func newGuestsShareAndDoNotCatchUp() {
        let context = device.createContext()
        for _ in 0..<20 { device.submit(to: context) }
        for _ in 0..<10 { host.endJob(nanoseconds: 1_000_000_000) }
        let others = (0..<8).map { _ in host.start().createProcess().createDevice() }
        let node = host.model.adapters[0].nodes[0]
        for other in others { for _ in 0..<4 { other.submit(to: other.createContext()) } }
        let shares = others.map { node.share(of: $0.guest.id) }
        #expect(shares.allSatisfy { $0 >= 9_000_000_000 })
    }
}
