import DXGProtocol
import Guest
import Linux

@testable import understudy

/// A device of a guest process with a queue, a fence, and room for command buffers.
final class TestDevice {
    let process: GuestProcess
    let device: D3DKMTHandle
    let pagingQueue: PagingQueue
    let context: D3DKMTHandle
    let queue: HardwareQueue?
    /// The fence of a device without a hardware queue; the queue's progress fence otherwise.
    let fence: D3DKMTHandle
    let fenceAddress: UInt64
    private var commands: Buffer!
    private var commandOffset: UInt64 = 0
    private var lastValue: UInt64 = 0

    static let pageBytes: UInt64 = 4096
    private static let commandBytes: UInt64 = 65_536

    /// GPU memory that the guest's CPU sees too.
    struct Buffer {
        let allocation: D3DKMTHandle
        let address: UInt64
        let memory: LockedMemory
    }

    enum Kind: CaseIterable {
        case context
        case hardwareQueue
    }

    init(_ process: GuestProcess, _ kind: Kind = .context, disablesTimeout: Bool = false) throws {
        self.process = process
        device = try process.createDevice(disablesGPUTimeout: disablesTimeout)
        pagingQueue = try process.createPagingQueue(device: device)
        switch kind {
        case .context:
            context = try process.createContextVirtual(device: device).context
            queue = nil
            let object = try process.createMonitoredFence(device: device)
            fence = object.handle
            fenceAddress = object.fenceAddress
        case .hardwareQueue:
            context = try process.createContextVirtual(device: device, flags: .hardwareQueueSupported).context
            let queue = try process.createHwQueue(context: context)
            self.queue = queue
            fence = queue.progressFence
            fenceAddress = queue.fenceAddress
        }
        commands = try makeBuffer(bytes: Self.commandBytes)
    }

    /// A new process of a machine with a device.
    convenience init(
        _ machine: GuestMachine, id: UInt64 = 1, _ kind: Kind = .context, disablesTimeout: Bool = false
    ) throws {
        try self.init(GuestProcess(machine, id: id, name: "test-\(id)"), kind, disablesTimeout: disablesTimeout)
    }

    var state: UInt32 { get throws { try process.getDeviceState(device) } }

    // MARK: Memory

    func makeBuffer(bytes: UInt64) throws -> Buffer {
        let created = try process.createAllocation2(device: device, [.memory(bytes: bytes)]).allocations[0]
        let address = try map(created.handle, bytes: created.size)
        let memory = try process.lock2(device: device, allocation: created.handle, count: created.size)
        return Buffer(allocation: created.handle, address: address, memory: memory)
    }

    /// Makes an allocation over pages of the guest and maps it.
    func makeExistingMemory(pages: [UInt64]) throws -> (allocation: D3DKMTHandle, address: UInt64) {
        let created = try process.createAllocation2(device: device, [.existingMemory(pages: pages)]).allocations[0]
        return (created.handle, try map(created.handle, bytes: created.size))
    }

    /// Makes an allocation resident and maps it for the GPU.
    func map(_ allocation: D3DKMTHandle, bytes: UInt64) throws -> UInt64 {
        let resident = try process.makeResident(pagingQueue: pagingQueue.handle, allocations: [allocation])
        let mapped = try process.mapGpuVirtualAddress(
            pagingQueue: pagingQueue.handle, allocation: allocation, sizeInPages: bytes / Self.pageBytes)
        let value = max(resident.paging.fenceValue, mapped.paging.fenceValue)
        try process.waitForSynchronizationObjectFromCpu(
            device: device, objects: [pagingQueue.fence], values: [value], until: .bound)
        return mapped.address
    }

    // MARK: Work

    /// Queues commands; the fence has the value that is returned when they are done.
    @discardableResult
    func start(_ buffer: CommandBuffer) throws -> UInt64 {
        let length = UInt64(buffer.bytes.count)
        if commandOffset + length > Self.commandBytes { commandOffset = 0 }
        try commands.memory.write(buffer.bytes, at: commandOffset)
        let value = try submit(commands.address + commandOffset, length: UInt32(length))
        commandOffset += length
        return value
    }

    /// Queues what is in GPU memory.
    func submit(_ address: UInt64, length: UInt32) throws -> UInt64 {
        lastValue += 1
        if let queue {
            try process.submitCommandToHwQueue(
                queue.handle, fenceValue: lastValue, commandBuffer: address, length: length)
        } else {
            try process.submitCommand(contexts: [context], commandBuffer: address, length: length)
            do {
                try process.signalSynchronizationObjectFromGpu(
                    contexts: [context], objects: [fence], values: [lastValue])
            } catch .status(.deviceRemoved, _) {
                // A command buffer that faults may end the device first; its fences are at their end then.
            }
        }
        return lastValue
    }

    /// Waits for the fence by an event.
    func finish(_ value: UInt64) throws {
        try process.waitForSynchronizationObjectFromCpu(
            device: device, objects: [fence], values: [value], until: .bound)
    }

    /// Runs commands to their end.
    func run(_ fill: (inout CommandBuffer) -> Void) throws {
        var buffer = CommandBuffer()
        fill(&buffer)
        try finish(start(buffer))
    }

    /// The value that the fence shows in its page.
    var fenceValue: UInt64 { get throws { try process.fenceValue(at: fenceAddress) } }
}

extension Deadline {
    /// Keeps a broken program from holding up the run; nothing is measured by it.
    static var bound: Deadline { .after(milliseconds: Wait.boundMilliseconds) }
}

extension GuestMachineOptions {
    /// A machine whose memory the host reaches by messages.
    static var unshared: GuestMachineOptions {
        var options = GuestMachineOptions()
        options.wantedFeatures = []
        return options
    }
}

extension Array where Element: FixedWidthInteger & BitwiseCopyable {
    /// The elements in memory order.
    var littleEndianBytes: [UInt8] {
        flatMap { value in (0..<Element.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
    }
}
