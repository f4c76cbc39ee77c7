import Guest
import Linux

/// y = a x + y over arrays of floats.
struct Saxpy {
    /// Elements of an array.
    let count: Int

    /// As Kernels/saxpy.c has them.
    private struct Arguments {
        var x: UInt64
        var y: UInt64
        var count: UInt64
        var a: Float
        var padding: UInt32 = 0
    }

    /// Keeps the best times of so many rounds.
    func run(on guest: DemoGuest, rounds: Int) throws {
        // Few bits each: a product and a sum are exact, fused or not.
        let a: Float = 1.5
        let x = (0..<count).map { Float($0 % 1021) }
        let y = (0..<count).map { Float($0 % 4093) * 0.25 }
        let bytes = UInt64(count * MemoryLayout<Float>.size)
        let code = try guest.load(DemoKernels.saxpy.bytes)
        let bufferX = try guest.makeBuffer(bytes: bytes)
        let bufferY = try guest.makeBuffer(bytes: bytes)
        let arguments = try guest.makeBuffer(bytes: 4096)
        try bufferX.memory.write(x.bytes)
        try arguments.memory.write(
            [Arguments(x: bufferX.address, y: bufferY.address, count: UInt64(count), a: a)].bytes)

        var best = DemoGuest.Times(gpu: .max, whole: .max)
        for _ in 0..<rounds {
            try bufferY.memory.write(y.bytes)
            let times = try guest.run { buffer in
                buffer.dispatch(
                    code: code.address, codeBytes: UInt64(DemoKernels.saxpy.bytes.count), arguments: arguments.address,
                    groups: (UInt32(min(count, 256)), 1, 1))
            }
            best.gpu = min(best.gpu, times.gpu)
            best.whole = min(best.whole, times.whole)
        }

        var expected = y
        var plain = UInt64.max
        for _ in 0..<rounds {
            expected = y
            let start = MonotonicClock.now
            expected.addScaled(x, by: a)
            plain = min(plain, MonotonicClock.now - start)
        }
        try Check.equal([Float](bytes: try bufferY.memory.read(count: Int(bytes))), expected, "saxpy")
        Figures.print(
            "saxpy", "\(count) elements, every one checked", best, plain: plain,
            rate: Figures.Rate(amount: 3 * Double(bytes), unit: "GB/s"))
        try guest.release([code, bufferX, bufferY, arguments])
    }
}
