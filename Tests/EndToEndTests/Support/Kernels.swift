import Guest
import Linux

@testable import understudy

/// Saxpy with the demo's code object, and results that can be checked: y = a x + y.
struct SaxpyProblem {
    let count: Int
    let seed: Int
    let code: TestDevice.Buffer
    let x: TestDevice.Buffer
    let y: TestDevice.Buffer
    let arguments: TestDevice.Buffer

    static let factor: Float = 2

    init(on device: TestDevice, count: Int = 4096, seed: Int = 0) throws {
        self.count = count
        self.seed = seed
        let bytes = UInt64(count * MemoryLayout<Float>.size)
        code = try device.makeBuffer(bytes: UInt64(DemoKernels.saxpy.bytes.count))
        x = try device.makeBuffer(bytes: bytes)
        y = try device.makeBuffer(bytes: bytes)
        arguments = try device.makeBuffer(bytes: 4096)
        try code.memory.write(DemoKernels.saxpy.bytes)
        try x.memory.write(inputX.bytes)
        let words: [UInt64] = [x.address, y.address, UInt64(count), UInt64(Self.factor.bitPattern)]
        try arguments.memory.write(words.bytes)
        try reset()
    }

    private var inputX: [Float] { (0..<count).map { Float(($0 + seed) % 1021) } }
    private var inputY: [Float] { (0..<count).map { Float(($0 + 7 * seed) % 4093) * 0.25 } }

    func reset() throws { try y.memory.write(inputY.bytes) }

    /// Gives its memory back.
    func release(on device: TestDevice) throws {
        try device.process.destroyAllocation2(
            device: device.device, allocations: [code, x, y, arguments].map(\.allocation))
    }

    func append(to buffer: inout CommandBuffer) {
        buffer.dispatch(
            code: code.address, codeBytes: UInt64(DemoKernels.saxpy.bytes.count), arguments: arguments.address,
            groups: (8, 1, 1))
    }

    /// Whether the result of one run, and nothing else, is there.
    func isRight() throws -> Bool {
        var expected = inputY
        expected.addScaled(inputX, by: Self.factor)
        return [Float](bytes: try y.memory.read(count: count * MemoryLayout<Float>.size)) == expected
    }
}

/// A kernel that says that it runs and goes on until it is told: a code object written by hand.
struct GateKernel {
    let code: TestDevice.Buffer
    /// Word 0: open when not zero. Word 1: not zero once the kernel runs.
    let gate: TestDevice.Buffer
    let arguments: TestDevice.Buffer

    init(on device: TestDevice) throws {
        code = try device.makeBuffer(bytes: 4096)
        gate = try device.makeBuffer(bytes: 4096)
        arguments = try device.makeBuffer(bytes: 4096)
        try code.memory.write(Self.codeObject)
        try gate.memory.write([UInt8](repeating: 0, count: 16))
        try arguments.memory.write([gate.address].bytes)
    }

    func append(to buffer: inout CommandBuffer) {
        buffer.dispatch(
            code: code.address, codeBytes: UInt64(Self.codeObject.count), arguments: arguments.address,
            groups: (1, 1, 1))
    }

    var isRunning: Bool { get throws { try gate.memory.loadUInt64(at: 8) != 0 } }

    func open() throws { try gate.memory.storeUInt64(1, at: 0) }

    /// An ELF file with one loadable segment: the header, one program header, and the code behind them.
    static let codeObject: [UInt8] = {
        let code: [UInt8] = [
            0x48, 0x8B, 0x07,  // mov rax, [rdi]
            0xC7, 0x40, 0x08, 0x01, 0x00, 0x00, 0x00,  // mov dword [rax + 8], 1
            0xF3, 0x90,  // pause
            0x83, 0x38, 0x00,  // cmp dword [rax], 0
            0x74, 0xF9,  // je to pause
            0xC3,  // ret
        ]
        let headers = 64 + 56
        let size = UInt64(headers + code.count)
        var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        // ET_DYN, x86-64, version 1, entry, program headers behind this one, no sections.
        file += [UInt16(3), 62].bytes + [UInt32(1)].bytes + [UInt64(headers), 64, 0].bytes + [UInt32(0)].bytes
        file += [UInt16(64), 56, 1, 0, 0, 0].bytes
        // PT_LOAD, readable and executable.
        file += [UInt32(1), 5].bytes + [UInt64(0), 0, 0, size, size, 4096].bytes
        return file + code
    }()
}

extension GuestMachine {
    /// Connects, and computes with a code object to see that the host works.
    static func checkHealth(
        of endpoint: Endpoint, options: GuestMachineOptions = GuestMachineOptions()
    ) throws -> Bool {
        let machine = try GuestMachine.connect(to: endpoint, options: options)
        defer { machine.close() }
        let device = try TestDevice(machine)
        let problem = try SaxpyProblem(on: device)
        try device.run { problem.append(to: &$0) }
        return try problem.isRight() && machine.oddities.isEmpty
    }
}
