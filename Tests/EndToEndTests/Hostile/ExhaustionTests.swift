import Carriers
import DXGProtocol
import Guest
import Linux
import Testing

/// Guests that take all they can get: the limits hold, others have theirs, and what is given back can be had again.
@Suite struct ExhaustionTests {
    /// Takes until it is refused. Gives how often it got something.
    private static func exhaust(atMost limit: Int, _ take: () throws -> Void) rethrows -> Int {
        var count = 0
        while count < limit {
            do { try take() } catch is GuestError { return count }
            count += 1
        }
        return count
    }

    @Test func ioSpace() throws {
        try Storm.run { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let device = try TestDevice(machine)
            for _ in 0..<3 {
                var allocations: [D3DKMTHandle] = []
                let count = try Self.exhaust(atMost: 1000) {
                    let request = AllocationRequest.memory(bytes: 1 << 20)
                    allocations += try device.process.createAllocation2(device: device.device, [request]).allocations
                        .map(\.handle)
                }
                #expect((32...64).contains(count), "\(count) MiB of 64")
                // Fences have their pages there, too, and a full space is no reason to fall.
                let fences = try Self.exhaust(atMost: 100_000) {
                    _ = try device.process.createMonitoredFence(device: device.device)
                }
                #expect(fences < 100_000)
                try storm.checkAlive("a full IO space")
                try device.process.destroyAllocation2(device: device.device, allocations: allocations)
            }
            #expect(machine.oddities == [])
        }
    }

    @Test func memoryBudget() throws {
        try Storm.run { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let device = try TestDevice(machine)
            let process = device.process
            var allocations: [D3DKMTHandle] = []
            for isLocal in [true, false] {
                let count = try Self.exhaust(atMost: 10_000) {
                    let request = AllocationRequest.memory(bytes: 16 << 20, isLocal: isLocal, isCPUVisible: false)
                    let allocation = try process.createAllocation2(device: device.device, [request]).allocations[0]
                    allocations.append(allocation.handle)
                    let resident = try process.makeResident(
                        pagingQueue: device.pagingQueue.handle, allocations: [allocation.handle], cantTrimFurther: true)
                    if resident.bytesToTrim > 0 { throw GuestError.unexpected("over the budget") }
                }
                #expect(count <= 32, "\(count) times 16 MiB of 256")
            }
            // Sizes that no machine has.
            for bytes in [1 << 40, 1 << 62, UInt64.max, UInt64.max - 4095] {
                #expect(throws: GuestError.self) {
                    try process.createAllocation2(device: device.device, [.memory(bytes: bytes)])
                }
            }
            try process.destroyAllocation2(device: device.device, allocations: allocations)
            let problem = try SaxpyProblem(on: device)
            try device.run { problem.append(to: &$0) }
            #expect(try problem.isRight())
        }
    }

    /// Small limits of the configuration file hold, each with its own answer.
    @Test func limits() throws {
        let limits = """
            guest:
              limits:
                processes: 4
                objects-per-process: 40
                shared-objects: 5
                waiters-per-process: 10
                queued-packets-per-process: 20
            """
        try Storm.run(configuration: limits) { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let device = try TestDevice(machine, id: 1)
            let process = device.process
            let processes = try Self.exhaust(atMost: 100) { _ = try GuestProcess(machine, id: 9) }
            #expect(processes == 3)
            let waits = try Self.exhaust(atMost: 100) {
                _ = try process.beginWaitFromCpu(device: device.device, objects: [device.fence], values: [1 << 40])
            }
            #expect(waits == 10)
            let fence = try process.createMonitoredFence(device: device.device, flags: [.shared, .ntSecuritySharing])
            let shared = try Self.exhaust(atMost: 100) { _ = try process.shareObject(fence.handle) }
            #expect(shared < 100)
            try process.waitForSynchronizationObjectFromGpu(
                context: device.context, objects: [fence.handle], values: [1])
            let queued = try Self.exhaust(atMost: 100) {
                try process.submitCommand(contexts: [device.context], commandBuffer: 0x1_0000_0000, length: 8)
            }
            #expect(queued < 20)
            let objects = try Self.exhaust(atMost: 100) {
                _ = try process.createAllocation2(device: device.device, [.memory(bytes: 4096)])
            }
            #expect(objects < 40)
            try process.destroy()
            let next = try TestDevice(machine, id: 2)
            let problem = try SaxpyProblem(on: next)
            try next.run { problem.append(to: &$0) }
            #expect(try problem.isRight())
        }
    }

    /// Many small mappings: the kernel's limit for a process is the host's business.
    @Test func mappings() throws {
        try Storm.run(configuration: "guest:\n  limits:\n    mappings-per-address-space: 200\n") { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let device = try TestDevice(machine)
            let buffer = try device.makeBuffer(bytes: 4096)
            let count = try Self.exhaust(atMost: 1000) {
                _ = try device.process.mapGpuVirtualAddress(
                    pagingQueue: device.pagingQueue.handle, allocation: buffer.allocation, sizeInPages: 1)
            }
            #expect(count < 300)
            #expect(try device.state == DeviceExecutionState.active.rawValue)
            try device.run { $0.timestamp(to: buffer.address) }
            #expect(try device.state == DeviceExecutionState.active.rawValue)
        }
    }

    /// More pages in lists and GPADLs than a guest has.
    @Test(arguments: [[], ["--gpadl-memory"]]) func existingMemory(arguments: [String]) throws {
        try Storm.run(arguments) { storm in
            for isShared in [true, false] {
                let machine = try GuestMachine.connect(
                    to: storm.server.endpoint, options: isShared ? GuestMachineOptions() : .unshared)
                let device = try TestDevice(machine)
                let wild: [[UInt64]] = [
                    [1 << 40], [.max >> 12], [.max], [0, .max], [UInt64](repeating: 3, count: 500),
                    (0..<500).map { 65_000 + $0 },
                ]
                for pages in wild {
                    guard let existing = try? device.makeExistingMemory(pages: pages) else { continue }
                    let victim = try TestDevice(device.process)
                    try victim.run { $0.fill(existing.address, bytes: UInt64(pages.count) * 4096, pattern: 1) }
                    try device.process.destroyAllocation2(device: device.device, allocations: [existing.allocation])
                    try device.process.destroyDevice(victim.device)
                    try storm.checkAlive("\(pages.count) pages from \(pages[0])")
                }
            }
        }
    }
}
