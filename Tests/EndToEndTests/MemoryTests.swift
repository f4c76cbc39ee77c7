import DXGProtocol
import Guest
import Linux
import Testing

/// Reserved ranges, paging that takes time, and the host's own command buffers, from a guest to its GPU and back.
@Suite struct MemoryTests {
    #if arch(x86_64)
        /// A range reserved with Zero of which a part is backed: the rest reads as zero and forgets what is written.
        @Test func sparseRange() throws {
            try TestServer.run { server in
                let test = try TestDevice(try GuestMachine.connect(to: server.endpoint))
                let process = test.process
                let granule: UInt64 = 65536
                let base = try process.reserveGpuVirtualAddress(size: 3 * granule, type: .zero)
                let tile = try test.makeBuffer(bytes: granule)
                var map = MessageBuilder<UpdateGpuVirtualAddressOperation>()
                map.operation = 0
                map.mapBaseAddress = base + granule
                map.mapSize = granule
                map.mapAllocation = tile.allocation
                let fence = try process.createMonitoredFence(device: test.device)
                try process.updateGpuVirtualAddress(
                    device: test.device, context: test.context, fence: fence.handle, fenceValue: 0, operations: [map])
                try process.waitForSynchronizationObjectFromCpu(
                    device: test.device, objects: [fence.handle], values: [1], until: .bound)

                let target = try test.makeBuffer(bytes: 3 * granule)
                try test.run {
                    $0.fill(base, bytes: 3 * granule, pattern: 0x5555_5555)
                    $0.copy(from: base, to: target.address, bytes: 3 * granule)
                }
                let written = [UInt8](repeating: 0x55, count: Int(granule))
                let empty = [UInt8](repeating: 0, count: Int(granule))
                #expect(try target.memory.read(count: Int(3 * granule)) == empty + written + empty)
                #expect(try tile.memory.read(count: Int(granule)) == written)

                // Unmapped with Zero again, it is as it was; with NoAccess it is a page fault.
                var unmap = MessageBuilder<UpdateGpuVirtualAddressOperation>()
                unmap.operation = 1
                unmap.unmapBaseAddress = base + granule
                unmap.unmapSize = granule
                unmap.unmapProtectionZero = true
                var close = unmap
                close.unmapProtectionZero = false
                close.unmapProtectionNoAccess = true
                close.unmapBaseAddress = base
                try process.updateGpuVirtualAddress(
                    device: test.device, context: test.context, fence: fence.handle, fenceValue: 1,
                    operations: [unmap, close])
                try process.waitForSynchronizationObjectFromCpu(
                    device: test.device, objects: [fence.handle], values: [2], until: .bound)
                try test.run {
                    $0.fill(base + granule, bytes: granule, pattern: 0x3333_3333)
                    $0.copy(from: base + granule, to: target.address, bytes: granule)
                }
                #expect(try target.memory.read(count: Int(granule)) == empty)
                #expect(try tile.memory.read(count: Int(granule)) == written)
                try test.run { $0.copy(from: base, to: target.address, bytes: 8) }
                #expect(try test.state == DeviceExecutionState.errorDmaPageFault.rawValue)
                #expect(try process.getPageFaultState(test.device).address == base)
            }
        }
    #endif

    /// Buffers that escape 3 builds are executed by SUBMITCOMMAND and SUBMITCOMMANDTOHWQUEUE
    /// (docs/protocol/semantics.md 16).
    @Test(arguments: TestDevice.Kind.allCases) func testCommandBuffers(kind: TestDevice.Kind) throws {
        try TestServer.run { server in
            let test = try TestDevice(try GuestMachine.connect(to: server.endpoint), kind)
            let buffer = try test.makeBuffer(bytes: 4096)
            let source = try test.makeBuffer(bytes: 4096)
            let target = try test.makeBuffer(bytes: 4096)
            func build(_ operation: UInt32, _ command: [UInt64]) throws -> [UInt8] {
                var data: [UInt8] = []
                func append<Number: FixedWidthInteger>(_ number: Number) {
                    for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
                        data.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
                    }
                }
                for word in [
                    KnownEscapeType.buildTestCommandBuffer.rawValue, test.device.rawValue,
                    (test.queue?.handle ?? test.context).rawValue, test.queue == nil ? 0 : 1,
                ] { append(word) }
                for word in command { append(word) }
                data += [UInt8](repeating: 0, count: 80 - data.count)
                append(operation)
                data += [UInt8](repeating: 0, count: 104 - data.count)
                append(UInt32(256))
                append(UInt32(16))
                data += [UInt8](repeating: 0, count: 256 + 16)
                let driverKnown: UInt32 = 1 << 6
                let built = try test.process.escape(flags: driverKnown, device: test.device, data)
                let length = Int(built[104]) | Int(built[105]) << 8
                #expect(built.count == data.count && built[108] == 0)
                return Array(built[112..<112 + length])
            }
            func run(_ commands: [UInt8]) throws {
                try buffer.memory.write(commands)
                try test.finish(test.submit(buffer.address, length: UInt32(commands.count)))
            }
            try run(build(2, [source.address, 4096 | 0x0403_0201 << 32]))
            try run(build(1, [source.address, target.address, 4096]))
            let expected = (0..<1024).flatMap { _ in [1, 2, 3, 4] as [UInt8] }
            #expect(try source.memory.read(count: 4096) == expected)
            #expect(try target.memory.read(count: 4096) == expected)
        }
    }

    private static func configuration(_ guest: String) -> String { "guest: {\(guest)}\n" }

    /// With a delay every paging operation is PENDING, and its fence comes.
    @Test func pagingTakesTime() throws {
        try TestServer.run(configuration: Self.configuration("paging-delay: 1ms")) { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let process = try GuestProcess(machine, id: 1, name: "paging")
            let device = try process.createDevice()
            let queue = try process.createPagingQueue(device: device)
            let made = try process.createAllocation2(device: device, [.memory(bytes: 65536)]).allocations[0]
            let resident = try process.makeResident(pagingQueue: queue.handle, allocations: [made.handle])
            #expect(resident.paging.status == .pending && resident.paging.fenceValue == 1)
            let mapped = try process.mapGpuVirtualAddress(
                pagingQueue: queue.handle, allocation: made.handle, sizeInPages: 16)
            #expect(mapped.paging.status == .pending && mapped.paging.fenceValue == 2)
            try process.waitForSynchronizationObjectFromCpu(
                device: device, objects: [queue.fence], values: [2], until: .bound)
            #expect(try process.fenceValue(at: queue.fenceAddress) == 2)
            // What is there is there at once.
            let again = try process.makeResident(pagingQueue: queue.handle, allocations: [made.handle])
            #expect(again.paging.status == .success)
            // A whole device lives with it.
            let test = try TestDevice(process)
            let target = try test.makeBuffer(bytes: 4096)
            try test.run { $0.fill(target.address, bytes: 4096, pattern: 9) }
            #expect(try target.memory.loadUInt64(at: 8) == 9 | 9 << 32)
        }
    }

    /// Memory that is mapped but not resident is a page fault, unless the guest is told to be let off.
    @Test(arguments: [false, true]) func nonResidentAccess(isAllowed: Bool) throws {
        try TestServer.run(configuration: Self.configuration("non-resident-access: \(isAllowed)")) { server in
            let test = try TestDevice(try GuestMachine.connect(to: server.endpoint))
            let made = try test.process.createAllocation2(
                device: test.device, [.memory(bytes: 65536)]
            ).allocations[0]
            let address = try test.process.mapGpuVirtualAddress(
                pagingQueue: test.pagingQueue.handle, allocation: made.handle, sizeInPages: 16
            ).address
            try test.run { $0.fill(address, bytes: 64, pattern: 1) }
            let expected: DeviceExecutionState = isAllowed ? .active : .errorDmaPageFault
            #expect(try test.state == expected.rawValue)
        }
    }
}
