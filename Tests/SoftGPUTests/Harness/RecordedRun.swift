import DXGProtocol

@testable import SoftGPU

/// The trace of a small run of two guests in which everything happens that the checker looks at, to be tampered with.
struct RecordedRun {
    let options: SoftGPUOptions
    var steps: [TraceStep]
    let first: GuestID
    let second: GuestID
    /// Two processes of the first guest.
    let process: D3DKMTHandle
    let other: D3DKMTHandle
    let space: AddressSpaceID
    /// Offset of the page of the fence that everything waits for and signals.
    let page: UInt64
    /// What waits for value 5 of it, which a queue signals behind a command buffer, and what stands behind that.
    let waitEvent: UInt64
    let queueEvent: UInt64
    /// Where the allocation is mapped.
    let address: UInt64

    init() {
        let host = TestHost()
        host.keepsSteps = true
        host.completesJobs = false
        host.passesBarriers = false
        let guest = host.start()
        let stranger = host.start()
        let process = guest.createProcess(pid: 1)
        let other = guest.createProcess(pid: 2)
        let device = process.createDevice(cookie: 101)
        _ = other.createDevice(cookie: 102)
        _ = stranger.createProcess(pid: 3).createDevice(cookie: 103)
        let queue = device.createPagingQueue()
        let allocation = device.allocate(65536)
        device.makeResident([allocation], on: queue)
        address = device.map(allocation, on: queue, pages: 16).virtualAddress
        _ = process.videoMemory(0)

        let fence = device.createFence(2)
        let context = device.createContext()
        waitEvent = device.wait(fence.handle, 5)
        device.submit(to: context)
        device.gpuSignal(on: [context], (fence.handle, 5))
        queueEvent = device.enqueueEvent(on: [context]).event
        device.gpuWait(on: context, for: [(fence.handle, 9)])
        device.submit(to: context, at: 0x2_0000_0000)
        host.endJob()
        device.signal((fence.handle, 9))
        host.endJob()
        device.signal((fence.handle, 3), rewind: true)

        device.evict([allocation])
        device.makeResident([allocation], on: queue)
        device.submit(to: context, at: 0x3_0000_0000)
        host.endJob(nil, .pageFault(address: 4096, isWrite: false))
        device.destroyAllocations([allocation], flags: 1)
        while !host.barriers.isEmpty { host.passBarrier() }
        first = guest.id
        second = stranger.id
        self.process = process.handle
        self.other = other.handle
        space = process.space()!
        page = fence.page - guest.windowBase
        host.disconnect(guest)
        host.disconnect(stranger)
        options = host.model.options
        steps = host.steps
    }

    /// What the checker finds.
    var findings: [Finding] {
        let checker = TraceChecker(options: options)
        for step in steps { checker.check(step) }
        checker.finish()
        return checker.takeFindings()
    }

    var rules: Set<Finding.Rule> { Set(findings.map(\.rule)) }

    // MARK: Places

    /// The step that has such an effect, and where in it; the last one of several.
    func place(of isWanted: (Effect) -> Bool) -> (step: Int, effect: Int) {
        for step in steps.indices.reversed() {
            if let effect = steps[step].effects.lastIndex(where: isWanted) { return (step, effect) }
        }
        preconditionFailure("the run has no such effect")
    }

    /// The last step in which a guest sent this command.
    func step(of command: VGPUCommand) -> Int {
        for step in steps.indices.reversed() {
            if case .receive(first, .vgpu, _, let bytes) = steps[step].input,
                Self.command(in: bytes) == command.rawValue
            {
                return step
            }
        }
        preconditionFailure("the run has no \(command)")
    }

    /// Under interface version 40 an extended header of 16 bytes comes before the command's own.
    private static func command(in packet: [UInt8]) -> UInt32 {
        MessageBuilder<VGPUCommandHeader>(decoding: Array(packet.dropFirst(16))).commandType
    }

    func storeFence(_ value: UInt64) -> (step: Int, effect: Int) {
        place { if case .storeFence(first, page, value) = $0 { true } else { false } }
    }

    func event(_ event: UInt64) -> (step: Int, effect: Int) {
        place { effect in
            guard case .notify(_, let bytes) = effect else { return false }
            return MessageBuilder<SignalGuestEvent.Message>(decoding: bytes).event == event
        }
    }

    // MARK: Tampering

    /// Takes an effect out.
    @discardableResult
    mutating func remove(_ place: (step: Int, effect: Int)) -> Effect {
        steps[place.step].effects.remove(at: place.effect)
    }

    /// Lets an effect happen in another step.
    mutating func move(_ place: (step: Int, effect: Int), to step: Int) { insert(remove(place), in: step) }

    mutating func insert(_ effect: Effect, in step: Int) { steps[step].effects.append(effect) }

    /// Changes the bytes of the request of a step.
    mutating func changeRequest(in step: Int, _ change: (inout [UInt8]) -> Void) {
        guard case .receive(let guest, let channel, let transaction, var bytes) = steps[step].input else {
            preconditionFailure("step \(step) is no request")
        }
        change(&bytes)
        steps[step].input = .receive(guest, channel, transaction: transaction, bytes)
    }

    /// Changes the bytes of the answer in a step.
    mutating func changeAnswer(in step: Int, _ change: (inout [UInt8]) -> Void) {
        for index in steps[step].effects.indices {
            guard case .complete(let guest, let channel, let transaction, var bytes) = steps[step].effects[index] else {
                continue
            }
            change(&bytes)
            steps[step].effects[index] = .complete(guest, channel, transaction: transaction, bytes)
        }
    }

    /// The message that tells a guest of an event or of a device's state.
    static func notification(event: UInt64, pid: UInt64, isLast: Bool = true) -> [UInt8] {
        var message = MessageBuilder<SignalGuestEvent.Message>()
        message.setHeader()
        message.event = event
        message.processId = pid
        message.dereferenceEvent = isLast
        return message.bytes
    }

    static func loss(cookie: UInt64) -> [UInt8] {
        var message = MessageBuilder<SetGuestData.Message>()
        message.setHeader()
        message.guestPointer = cookie
        message.data32 = 1
        return message.bytes
    }
}
