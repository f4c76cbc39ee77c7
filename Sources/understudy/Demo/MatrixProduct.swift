import Guest
import Linux

/// c = a b for square matrices of floats, tile by tile.
struct MatrixProduct {
    /// Rows and columns: a multiple of the kernel's tile.
    let size: Int

    /// Rows and columns of the part that a work-group makes.
    private static let tile = 64

    /// As Kernels/matmul.c has them.
    private struct Arguments {
        var a: UInt64
        var b: UInt64
        var c: UInt64
        var size: UInt64
    }

    /// Keeps the best times of so many rounds.
    func run(on guest: DemoGuest, rounds: Int) throws {
        let a = (0..<size * size).map { Float($0 % 17) - 8 }
        let b = (0..<size * size).map { Float($0 % 13) - 6 }
        let bytes = UInt64(size * size * MemoryLayout<Float>.size)
        let code = try guest.load(DemoKernels.matmul.bytes)
        let bufferA = try guest.makeBuffer(bytes: bytes)
        let bufferB = try guest.makeBuffer(bytes: bytes)
        let bufferC = try guest.makeBuffer(bytes: bytes)
        let arguments = try guest.makeBuffer(bytes: 4096)
        try bufferA.memory.write(a.bytes)
        try bufferB.memory.write(b.bytes)
        try arguments.memory.write(
            [
                Arguments(
                    a: bufferA.address, b: bufferB.address, c: bufferC.address, size: UInt64(size))
            ].bytes)

        var best = DemoGuest.Times(gpu: .max, whole: .max)
        let groups = UInt32(size / Self.tile)
        for _ in 0..<rounds {
            let times = try guest.run { buffer in
                buffer.dispatch(
                    code: code.address, codeBytes: UInt64(DemoKernels.matmul.bytes.count),
                    arguments: arguments.address, groups: (groups, groups, 1),
                    groupMemory: UInt32(2 * Self.tile * Self.tile * MemoryLayout<Float>.size))
            }
            best.gpu = min(best.gpu, times.gpu)
            best.whole = min(best.whole, times.whole)
        }

        let start = MonotonicClock.now
        let expected = PlainLoops.product(a, b, size: size)
        let plain = MonotonicClock.now - start
        // Small integers: every order of summation gives the same floats.
        try Check.equal(
            [Float](bytes: try bufferC.memory.read(count: Int(bytes))), expected, "matrix product")
        Figures.print(
            "matmul", "\(size) x \(size), every element checked", best, plain: plain,
            rate: Figures.Rate(amount: 2 * Double(size * size * size), unit: "GFLOP/s"))
        try guest.release([code, bufferA, bufferB, bufferC, arguments])
    }
}
