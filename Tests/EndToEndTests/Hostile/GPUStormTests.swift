import CSoftGPU
import DXGProtocol
import Guest
import Linux
import Testing

@testable import understudy

/// Command buffers and code objects that make no sense, or never end.
@Suite struct GPUStormTests {
    /// Runs something on a device of its own, which may be lost by it, and waits until it is over.
    private static func attempt(
        _ process: GuestProcess, _ storm: Storm, _ what: String, _ body: (TestDevice) throws -> (UInt64, UInt32)
    ) throws {
        let device = try TestDevice(process)
        let (address, length) = try body(device)
        if let value = try? device.submit(address, length: length) {
            try device.finish(value)
            #expect(try device.fenceValue >= value, "\(what)")
        }
        try process.destroyDevice(device.device)
        try storm.checkAlive(what)
    }

    /// Packets with random fields, over addresses that exist, that do not, and that are the host's.
    @Test func commandBuffers() throws {
        try Storm.run(["--timeout", "300"]) { storm in
            var chance = Chance(seed: 10)
            let process = try GuestProcess(GuestMachine.connect(to: storm.server.endpoint), id: 1)
            for round in 0..<60 * StormSize.factor {
                try Self.attempt(process, storm, "random command buffer \(round)") { device in
                    let buffer = try device.makeBuffer(bytes: 16384)
                    let addresses: [UInt64] = [
                        buffer.address, buffer.address + 8192, buffer.address + 16380, buffer.address + 1, 0, .max,
                        0x3F00_0000_0000, 0x3F00_0000_1000, 0x40_0000, 0x7FFF_FFFF_F000, 0x8000_0000_0000,
                        0xFFFF_8000_0000_0000, 0x1_0000_0000,
                    ]
                    var bytes: [UInt8] = []
                    while bytes.count < 4096 {
                        bytes += Self.packet(&chance, addresses)
                    }
                    let length = chance.isOne(in: 4) ? UInt32(bytes.count & ~7) : 4096
                    try buffer.memory.write(Array(bytes.prefix(8192)))
                    return (buffer.address, length)
                }
            }
        }
    }

    private static func packet(_ chance: inout Chance, _ addresses: [UInt64]) -> [UInt8] {
        let opcodes: [UInt16] = [0, 1, 1, 2, 2, 3, 4, 5, 6, 0x7F01, 7, 0xFFFF]
        let sizes: [UInt16: Int] = [0: 8, 1: 32, 2: 32, 3: 24, 4: 24, 5: 16, 6: 72, 0x7F01: 24]
        let opcode = chance.one(of: opcodes)
        let size = sizes[opcode] ?? 8
        let said = chance.isOne(in: 16) ? UInt32(truncatingIfNeeded: chance.word()) : UInt32(size)
        var bytes = [opcode, chance.isOne(in: 16) ? 1 : 0].littleEndianBytes + [said].littleEndianBytes
        while bytes.count < size {
            let isAddress = !chance.isOne(in: 3)
            bytes += [isAddress ? chance.one(of: addresses) : UInt64(chance.below(10_000))].littleEndianBytes
        }
        return bytes
    }

    /// Places of command buffers that cannot be.
    @Test func placesOfCommandBuffers() throws {
        try Storm.run(["--timeout", "300"]) { storm in
            let process = try GuestProcess(GuestMachine.connect(to: storm.server.endpoint), id: 1)
            let places: [(UInt64, UInt32)] = [
                (0, 8), (.max & ~7, 8), (0x1_0000_0000, .max & ~7), (0x7FFF_FFFE_FFF8, 64), (0x3F00_0000_0000, 4096),
                (0x3F00_0000_0001, 8), (0x1_0000_0000, 7), (0x1_0000_0000, 0), (0x8000_0000_0000, 16), (0x40_0000, 64),
            ]
            for (address, length) in places {
                try Self.attempt(process, storm, "\(length) bytes at \(address)") { _ in (address, length) }
            }
        }
    }

    /// The demo's kernel with bytes of its headers changed, and pieces of it.
    @Test func codeObjects() throws {
        try Storm.run(["--timeout", "300"]) { storm in
            var chance = Chance(seed: 11)
            let process = try GuestProcess(GuestMachine.connect(to: storm.server.endpoint), id: 1)
            let good = DemoKernels.saxpy.bytes
            // Headers, and the tables of relocations at the end.
            let places = Array(0..<512) + Array(good.count - 256..<good.count)
            for round in 0..<150 * StormSize.factor {
                var file = good
                for _ in 0...chance.below(3) {
                    file[chance.one(of: places)] = chance.one(of: [0, 1, 0x7F, 0x80, 0xFF, UInt8(chance.below(256))])
                }
                if chance.isOne(in: 8) { file = Array(file.prefix(chance.below(file.count))) }
                let said =
                    chance.isOne(in: 8) ? chance.one(of: [0, 1, 63, 1 << 24, 1 << 40, .max]) : UInt64(file.count)
                try Self.attempt(process, storm, "changed code object \(round)") { device in
                    let code = try device.makeBuffer(bytes: UInt64(max(1, file.count)))
                    try code.memory.write(file)
                    let arguments = try device.makeBuffer(bytes: 4096)
                    try arguments.memory.write([arguments.address, arguments.address, 1, 0].littleEndianBytes)
                    var commands = CommandBuffer()
                    commands.dispatch(
                        code: code.address, codeBytes: said, entry: chance.isOne(in: 4) ? chance.word() >> 40 : 0,
                        arguments: arguments.address, groups: (1, 1, 1))
                    try arguments.memory.write(commands.bytes, at: 2048)
                    return (arguments.address + 2048, UInt32(commands.bytes.count))
                }
            }
        }
    }

    /// Work without an end in all its forms is ended, as often as it comes.
    @Test func endlessWork() throws {
        try Storm.run(["--timeout", "200"]) { storm in
            let process = try GuestProcess(GuestMachine.connect(to: storm.server.endpoint), id: 1)
            // Few enough that the virtual GPU stays online (TdrLimitCount).
            for round in 0..<3 {
                let device = try TestDevice(process, round % 2 == 0 ? .context : .hardwareQueue)
                let gate = try GateKernel(on: device)
                var commands = CommandBuffer()
                switch round % 3 {
                case 0: commands.hang()
                case 1: gate.append(to: &commands)
                default:
                    // More groups than anybody can run.
                    try gate.open()
                    commands.dispatch(
                        code: gate.code.address, codeBytes: UInt64(GateKernel.codeObject.count),
                        arguments: gate.arguments.address, groups: (.max, 1, 1))
                }
                let value = try device.start(commands)
                for _ in 0..<10 { _ = try? device.start(commands) }
                try device.finish(value)
                let state = try device.state
                #expect(state == DeviceExecutionState.hung.rawValue, "round \(round): state \(state)")
                try process.destroyDevice(device.device)
            }
        }
    }

    /// A kernel that overwrites everything that it can reach is its process's trouble.
    @Test func selfDestruction() throws {
        try Storm.run(["--timeout", "300"]) { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let bystander = try TestDevice(machine, id: 2)
            let problem = try SaxpyProblem(on: bystander)
            let process = try GuestProcess(machine, id: 1)
            for address in [0x40_0000, 0x20_0000, 0x3F00_0000_0000, 0x7FFF_0000_0000] as [UInt64] {
                let device = try TestDevice(process)
                try device.run { buffer in
                    buffer.fill(address, bytes: 1 << 30, pattern: 0xCCCC_CCCC)
                }
                try process.destroyDevice(device.device)
            }
            try bystander.run { problem.append(to: &$0) }
            #expect(try problem.isRight())
        }
    }
}
