extension KernelReference {
    /// The Mandelbrot set.
    static let planes: [KernelReference] = [
        KernelReference(name: "OpenCL/mandelbrot") { mandelbrot(&$0, .openCL) },
        KernelReference(name: "GLSL/mandelbrot") { mandelbrot(&$0, .glsl) },
    ]

    /// The reference rounds after every operation; a kernel may contract, and near the border of the set one rounding
    /// then makes another number of steps. So the numbers of a few points may differ.
    private static func mandelbrot(_ generator: inout CaseGenerator, _ flavour: Flavour) -> KernelCase {
        let width = generator.size(upTo: 60), height = generator.size(upTo: 60), limit = generator.size(upTo: 100)
        let groupSize = flavour == .glsl ? Extent(16, 4) : generator.planeGroup()
        let left = generator.floats(1, in: -2...(-1))[0], top = generator.floats(1, in: -1.2...(-0.5))[0]
        let pitch = generator.floats(1, in: 0.01...0.05)[0]
        let steps = (0..<width * height).map { index in
            let cx = left + pitch * Float(index % width), cy = top + pitch * Float(index / width)
            var x: Float = 0, y: Float = 0, step = 0
            while step < limit && x * x + y * y <= 4 {
                (x, y) = (x * x - y * y + cx, 2 * x * y + cy)
                step += 1
            }
            return UInt32(step)
        }
        // A share of a few points is less than one of them.
        let share = max(0.02, 1 / Double(steps.count))
        return KernelCase(
            buffers: [
                KernelBuffer(initial: Bytes.zeros(words: steps.count), expectation: .mostly(steps, share: share))
            ],
            launches: [
                flavour.launch(
                    "mandelbrot", in: "mandelbrot",
                    groups: generator.groups(covering: width, by: height, of: groupSize), of: groupSize,
                    [
                        .buffer(0), .word(UInt32(width)), .word(UInt32(height)), .float(left), .float(top),
                        .float(pitch), .word(UInt32(limit)),
                    ])
            ])
    }
}
