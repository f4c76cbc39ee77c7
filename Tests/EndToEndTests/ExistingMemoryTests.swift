import DXGProtocol
import Guest
import Linux
import Testing

/// The guest's own pages as GPU memory, when there are many of them and when several use them at once.
@Suite struct ExistingMemoryTests {
    /// More pages that lie apart than the host has requests for at a time, and a GPADL of many messages.
    @Test(arguments: [true, false], [[], ["--gpadl-memory"]])
    func manyScatteredPages(isShared: Bool, arguments: [String]) throws {
        try TestServer.run(arguments) { server in
            let machine = try GuestMachine.connect(
                to: server.endpoint, options: isShared ? GuestMachineOptions() : .unshared)
            let device = try TestDevice(machine)
            let count = 6000 as UInt64
            let start = try machine.memory.allocate(pages: 2 * count) / 4096
            let pages = (0..<count).map { start + 2 * $0 }
            for page in pages { try machine.memory.write([UInt64(page)].littleEndianBytes, at: page * 4096) }
            let existing = try device.makeExistingMemory(pages: pages)
            let target = try device.makeBuffer(bytes: count * 4096)
            try device.run { buffer in
                buffer.copy(from: existing.address, to: target.address, bytes: count * 4096)
                buffer.fill(existing.address, bytes: count * 4096, pattern: 0x3131_3131)
            }
            for (index, page) in pages.enumerated() {
                #expect(try target.memory.loadUInt64(at: UInt64(index) * 4096) == page)
            }
            let expected = [UInt8](repeating: 0x31, count: 4096)
            let isFilled = try pages.allSatisfy { try machine.memory.read(at: $0 * 4096, count: 4096) == expected }
            #expect(isFilled)
            #expect(machine.oddities == [])
        }
    }

    /// Two queues on different nodes and the guest's CPU change lines of their own in the same page.
    @Test(arguments: [true, false]) func twoJobsOnOnePage(isShared: Bool) throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(
                to: server.endpoint, options: isShared ? GuestMachineOptions() : .unshared)
            let device = try TestDevice(machine)
            let page = try machine.memory.allocate(pages: 1)
            let existing = try device.makeExistingMemory(pages: [page / 4096])
            let gate = try GateKernel(on: device)
            var slow = CommandBuffer()
            slow.write(0xA1 as UInt64, to: existing.address)
            gate.append(to: &slow)
            slow.write(0xA2 as UInt64, to: existing.address + 64)
            let first = try device.start(slow)
            #expect(try Wait.until { try gate.isRunning })

            try machine.memory.write([0xC1, 0, 0, 0, 0, 0, 0, 0], at: page + 128)
            let commands = try device.makeBuffer(bytes: 4096)
            var quick = CommandBuffer()
            quick.write(0xB1 as UInt64, to: existing.address + 192)
            quick.copy(from: existing.address + 128, to: existing.address + 256, bytes: 8)
            try commands.memory.write(quick.bytes)
            let other = try device.process.createContextVirtual(device: device.device, node: 1).context
            let fence = try device.process.createMonitoredFence(device: device.device)
            try device.process.submitCommand(
                contexts: [other], commandBuffer: commands.address, length: UInt32(quick.bytes.count))
            try device.process.signalSynchronizationObjectFromGpu(
                contexts: [other], objects: [fence.handle], values: [1])
            try device.process.waitForSynchronizationObjectFromCpu(
                device: device.device, objects: [fence.handle], values: [1], until: .bound)
            #expect(try machine.memory.read(at: page + 192, count: 1) == [0xB1])
            #expect(try machine.memory.read(at: page + 256, count: 1) == [0xC1])
            try machine.memory.write([0xC2, 0, 0, 0, 0, 0, 0, 0], at: page + 320)
            try gate.open()
            try device.finish(first)
            let lines = try (0..<6).map { try machine.memory.read(at: page + 64 * $0, count: 1)[0] }
            #expect(lines == [0xA1, 0xA2, 0xC1, 0xB1, 0xC1, 0xC2])
        }
    }

    /// Pages that the guest takes back are not touched any more, even though a job still runs on them.
    @Test(arguments: [true, false]) func pagesTakenBackUnderAJob(isShared: Bool) throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(
                to: server.endpoint, options: isShared ? GuestMachineOptions() : .unshared)
            let device = try TestDevice(machine, disablesTimeout: true)
            let page = try machine.memory.allocate(pages: 1)
            let existing = try device.makeExistingMemory(pages: [page / 4096])
            let gate = try GateKernel(on: device)
            var buffer = CommandBuffer()
            buffer.write(1 as UInt64, to: existing.address)
            gate.append(to: &buffer)
            buffer.fill(existing.address, bytes: 4096, pattern: 0xFFFF_FFFF)
            try device.start(buffer)
            #expect(try Wait.until { try gate.isRunning })
            try device.process.flushDevice(device.device)
            try device.process.destroyAllocation2(device: device.device, allocations: [existing.allocation])
            try machine.memory.write([UInt8](repeating: 0x99, count: 4096), at: page)
            try gate.open()
            try device.process.destroyDevice(device.device)
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
            #expect(try machine.memory.read(at: page, count: 4096).allSatisfy { $0 == 0x99 })
        }
    }
}
