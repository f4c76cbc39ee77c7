import Carriers
import DXGProtocol
import Guest
import Linux
import Testing
import VMBus

/// From the connection to a result that a code object computed, under everything that can be agreed on.
@Suite struct StartUpTests {
    struct Setup: CustomTestStringConvertible, Sendable {
        var arguments: [String] = []
        var version = InterfaceVersion.v40
        var isShared = true
        var isAsync = false
        var testDescription: String { (arguments + [isShared ? "shared" : "unshared"]).joined(separator: " ") }
    }

    static let setups: [Setup] = [true, false].flatMap { isShared -> [Setup] in
        [
            Setup(isShared: isShared),
            Setup(arguments: ["--interface-version", "27"], version: .v27, isShared: isShared),
            Setup(arguments: ["--async-messages"], isShared: isShared, isAsync: true),
            Setup(arguments: ["--gpadl-memory"], isShared: isShared),
            Setup(arguments: ["--interface-version", "27", "--gpadl-memory"], version: .v27, isShared: isShared),
            Setup(arguments: ["--async-messages", "--gpadl-memory"], isShared: isShared, isAsync: true),
            // Under 27 nothing could route messages of the global channel.
            Setup(arguments: ["--interface-version", "27", "--async-messages"], version: .v27, isShared: isShared),
        ]
    }

    @Test(arguments: setups) func computes(_ setup: Setup) throws {
        try TestServer.run(setup.arguments) { server in
            let options = setup.isShared ? GuestMachineOptions() : .unshared
            let machine = try GuestMachine.connect(to: server.endpoint, options: options)
            #expect(machine.interfaceVersion == setup.version)
            #expect(machine.ioSpace.isShared == setup.isShared)
            #expect(machine.sendsAsyncMessages == setup.isAsync)
            for (index, kind) in TestDevice.Kind.allCases.enumerated() {
                let device = try TestDevice(machine, id: UInt64(index + 1), kind)
                try checkPackets(on: device)
                try checkExistingMemory(on: device)
                #expect(try device.state == DeviceExecutionState.active.rawValue)
                try device.process.destroy()
            }
            #expect(machine.oddities == [])
            try machine.shutDown()
        }
    }

    @Test func oldGuestWithANewHost() throws {
        try TestServer.run { server in
            var options = GuestMachineOptions()
            options.maximumInterfaceVersion = .v27
            let machine = try GuestMachine.connect(to: server.endpoint, options: options)
            #expect(machine.interfaceVersion == .v27)
            let device = try TestDevice(machine)
            try checkPackets(on: device)
            try checkExistingMemory(on: device)
            #expect(machine.oddities == [])
        }
    }

    @Test(arguments: ProtocolVersion.served) func everyBusVersion(_ version: ProtocolVersion) throws {
        try TestServer.run(["--vmbus-version", "\(version)"]) { server in
            // The guest tries from the newest on, as Linux does.
            let machine = try GuestMachine.connect(to: server.endpoint)
            #expect(machine.busVersion == version)
            var options = GuestMachineOptions.unshared
            options.busVersions = [.v2_4]
            #expect(try GuestMachine.connect(to: server.endpoint, options: options).busVersion == .v2_4)
            try checkPackets(on: TestDevice(machine, .hardwareQueue))
            #expect(machine.oddities == [])
        }
    }

    @Test func computeAcceleratorWithSmallMemory() throws {
        try TestServer.run(["--compute-only", "--memory", "64", "--io-space", "16", "--lanes", "1"]) { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            #expect(machine.ioSpace.bytes == 16 << 20)
            let device = try TestDevice(machine)
            #expect(try device.process.queryVideoMemoryInfo().budget <= 64 << 20)
            try checkPackets(on: device)
        }
    }

    /// The command line's profiles are virtual GPUs of their own kinds, and each computes.
    @Test func adaptersOfTheCommandLine() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let arguments = [
            "--adapter", "compute", "--adapter", "default", "--adapter-profiles", "/\(root)/config/adapters",
        ]
        try TestServer.run(arguments) { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            #expect(machine.adapters.count == 2)
            for (index, adapter) in machine.adapters.enumerated() {
                let process = try GuestProcess(machine, id: UInt64(index + 1), name: "adapter", adapter: adapter)
                let kind = try process.queryAdapterInfo(.adapterType, count: 4)
                #expect((kind[1] & 1 << 3 != 0) == (index == 0))
                try checkPackets(on: TestDevice(process))
            }
        }
    }

    /// Every kind of packet, with what it leaves in memory.
    private func checkPackets(on device: TestDevice) throws {
        let problem = try SaxpyProblem(on: device, seed: 5)
        let scratch = try device.makeBuffer(bytes: 8192)
        try scratch.memory.write([UInt8](repeating: 0xEE, count: 8192))
        try device.run { buffer in
            buffer.timestamp(to: scratch.address)
            buffer.fill(scratch.address + 16, bytes: 64, pattern: 0x0102_0304)
            buffer.write(0xAABB_CCDD as UInt32, to: scratch.address + 80)
            buffer.write(0x1122_3344_5566_7788 as UInt64, to: scratch.address + 88)
            buffer.copy(from: scratch.address + 16, to: scratch.address + 4096 + 3, bytes: 80)
            problem.append(to: &buffer)
            buffer.timestamp(to: scratch.address + 8)
        }
        let bytes = try scratch.memory.read(count: 8192)
        let fill = Array(repeating: [4, 3, 2, 1] as [UInt8], count: 16).flatMap { $0 }
        #expect(Array(bytes[16..<80]) == fill)
        #expect(Array(bytes[80..<88]) == [0xDD, 0xCC, 0xBB, 0xAA, 0xEE, 0xEE, 0xEE, 0xEE])
        #expect(try scratch.memory.loadUInt64(at: 88) == 0x1122_3344_5566_7788)
        #expect(Array(bytes[4099..<4179]) == Array(bytes[16..<96]))
        #expect(bytes[4098] == 0xEE && bytes[4179] == 0xEE)
        let start = try scratch.memory.loadUInt64(at: 0)
        let end = try scratch.memory.loadUInt64(at: 8)
        #expect(start > 0 && start <= end)
        #expect(try problem.isRight())
    }

    /// GPU work on the guest's own pages: read as they are when it starts, written by the time it has ended.
    private func checkExistingMemory(on device: TestDevice) throws {
        let memory = device.process.machine.memory
        let start = try memory.allocate(pages: 5)
        let pages = [0, 2, 1, 4].map { start / 4096 + $0 }
        let existing = try device.makeExistingMemory(pages: pages)
        let target = try device.makeBuffer(bytes: 4 * 4096)
        for (index, page) in pages.enumerated() {
            try memory.write([UInt8](repeating: UInt8(index + 1), count: 4096), at: page * 4096)
        }
        try memory.write([UInt8](repeating: 0x77, count: 4096), at: start + 3 * 4096)
        try device.run { buffer in
            buffer.copy(from: existing.address, to: target.address, bytes: 4 * 4096)
            buffer.fill(existing.address + 4096 + 8, bytes: 8192, pattern: 0x5A5A_5A5A)
        }
        let copy = try target.memory.read(count: 4 * 4096)
        for index in 0..<4 { #expect(copy[index * 4096..<(index + 1) * 4096].allSatisfy { $0 == UInt8(index + 1) }) }
        let second = try memory.read(at: pages[1] * 4096, count: 4096)
        #expect(second[..<8].allSatisfy { $0 == 2 } && second[8...].allSatisfy { $0 == 0x5A })
        let last = try memory.read(at: pages[3] * 4096, count: 4096)
        #expect(last[..<8].allSatisfy { $0 == 0x5A } && last[8...].allSatisfy { $0 == 4 })
        // The page between them is not the allocation's.
        #expect(try memory.read(at: start + 3 * 4096, count: 4096).allSatisfy { $0 == 0x77 })
        try device.process.destroyAllocation2(device: device.device, allocations: [existing.allocation])
    }
}
