import DXGProtocol
import Guest
import Linux

/// A guest with one process that has a device, a queue and a fence, as a user-mode driver would set them up.
final class DemoGuest {
    private let machine: GuestMachine
    private let process: GuestProcess
    private let device: D3DKMTHandle
    private let pagingQueue: PagingQueue
    private let queue: Queue
    private let commands: Buffer
    private var lastSubmission: UInt64 = 0

    /// Where submissions go: a hardware queue with its progress fence, or a context with a fence.
    fileprivate enum Queue {
        case hardware(HardwareQueue)
        case context(D3DKMTHandle, fence: D3DKMTHandle)
    }

    /// GPU memory that the guest's CPU sees too.
    struct Buffer {
        let allocation: D3DKMTHandle
        let address: UInt64
        let memory: LockedMemory
    }

    private static let pageBytes: UInt64 = 4096

    init(endpoint: Endpoint) throws {
        var options = GuestMachineOptions()
        options.name = "demo"
        machine = try GuestMachine.connect(to: endpoint, options: options)
        process = try GuestProcess(machine, id: UInt64(ProcessControl.processID), name: "understudy-demo")
        device = try process.createDevice()
        pagingQueue = try process.createPagingQueue(device: device)
        if process.adapter.hasHardwareScheduling {
            let context = try process.createContextVirtual(device: device, flags: .hardwareQueueSupported).context
            queue = .hardware(try process.createHwQueue(context: context))
        } else {
            let context = try process.createContextVirtual(device: device).context
            queue = .context(context, fence: try process.createMonitoredFence(device: device).handle)
        }
        commands = try Self.makeBuffer(bytes: 65536, process, device, pagingQueue)
    }

    /// Prints who the host is.
    func describe() throws {
        let memory = try process.queryVideoMemoryInfo()
        let adapter = process.adapter
        print("Adapter    \(adapter.name), LUID \(adapter.luid)")
        print(
            "Protocol   VMBus \(machine.busVersion), GPU-PV interface \(machine.interfaceVersion), "
                + (machine.ioSpace.isShared ? "shared memory" : "memory by messages"))
        print("Memory     \(memory.budget >> 20) MiB budget, \(memory.currentUsage >> 10) KiB in use")
        print("Queue      \(queue.name)")
    }

    // MARK: Memory

    func makeBuffer(bytes: UInt64) throws -> Buffer {
        try Self.makeBuffer(bytes: bytes, process, device, pagingQueue)
    }

    private static func makeBuffer(
        bytes: UInt64, _ process: GuestProcess, _ device: D3DKMTHandle, _ pagingQueue: PagingQueue
    ) throws -> Buffer {
        let created = try process.createAllocation2(device: device, [.memory(bytes: bytes)])
        let allocation = created.allocations[0]
        let resident = try process.makeResident(pagingQueue: pagingQueue.handle, allocations: [allocation.handle])
        let mapped = try process.mapGpuVirtualAddress(
            pagingQueue: pagingQueue.handle, allocation: allocation.handle, sizeInPages: allocation.size / pageBytes)
        let pending = max(resident.paging.fenceValue, mapped.paging.fenceValue)
        try process.waitForSynchronizationObjectFromCpu(
            device: device, objects: [pagingQueue.fence], values: [pending])
        let memory = try process.lock2(device: device, allocation: allocation.handle, count: allocation.size)
        return Buffer(allocation: allocation.handle, address: mapped.address, memory: memory)
    }

    func release(_ buffers: [Buffer]) throws {
        for buffer in buffers { try process.unlock2(device: device, allocation: buffer.allocation) }
        try process.destroyAllocation2(device: device, allocations: buffers.map(\.allocation))
    }

    /// Puts a code object where the GPU can find it.
    func load(_ object: [UInt8]) throws -> Buffer {
        let buffer = try makeBuffer(bytes: UInt64(object.count))
        try buffer.memory.write(object)
        return buffer
    }

    // MARK: Work

    /// Nanoseconds of one submission: on the GPU by its clock, and from the submission to the event.
    struct Times {
        var gpu: UInt64
        var whole: UInt64
    }

    /// Runs one dispatch and waits for its fence by an event.
    func run(_ fill: (inout CommandBuffer) -> Void) throws -> Times {
        let stamps = commands.address + 32768
        var buffer = CommandBuffer()
        buffer.timestamp(to: stamps)
        fill(&buffer)
        buffer.timestamp(to: stamps + 8)
        try commands.memory.write(buffer.bytes)
        lastSubmission += 1
        let start = MonotonicClock.now
        try queue.submit(lastSubmission, commands.address, UInt32(buffer.bytes.count), process, device)
        let end = MonotonicClock.now
        // A lost device's fences are at their end too.
        let state = try process.getDeviceState(device)
        guard state == DeviceExecutionState.active.rawValue else { throw DemoError.deviceLost(state) }
        let first = try commands.memory.loadUInt64(at: 32768)
        let last = try commands.memory.loadUInt64(at: 32776)
        return Times(gpu: last &- first, whole: end - start)
    }

    /// Gives everything back, as a program that ends in order does.
    func end() throws {
        try process.destroyDevice(device)
        try process.destroy()
        machine.close()
    }
}

extension DemoGuest.Queue {
    fileprivate var name: String {
        switch self {
        case .hardware: "hardware queue with a progress fence"
        case .context: "context with a monitored fence"
        }
    }

    /// Submits a command buffer and waits until the fence has reached `value`.
    fileprivate func submit(
        _ value: UInt64, _ address: UInt64, _ length: UInt32, _ process: GuestProcess, _ device: D3DKMTHandle
    ) throws {
        let fence: D3DKMTHandle
        switch self {
        case .hardware(let queue):
            try process.submitCommandToHwQueue(
                queue.handle, fenceValue: value, commandBuffer: address, length: length)
            fence = queue.progressFence
        case .context(let context, let monitored):
            try process.submitCommand(contexts: [context], commandBuffer: address, length: length)
            try process.signalSynchronizationObjectFromGpu(contexts: [context], objects: [monitored], values: [value])
            fence = monitored
        }
        try process.waitForSynchronizationObjectFromCpu(device: device, objects: [fence], values: [value])
    }
}
