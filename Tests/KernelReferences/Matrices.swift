extension KernelReference {
    /// Transposition and products.
    static let matrices: [KernelReference] = [
        KernelReference(name: "OpenCL/transpose_naive") { transpose(&$0, .openCL, "transpose_naive", isTiled: false) },
        KernelReference(name: "OpenCL/transpose_tiled") { transpose(&$0, .openCL, "transpose_tiled", isTiled: true) },
        KernelReference(name: "GLSL/transpose") { transpose(&$0, .glsl, "transpose", isTiled: true) },
        KernelReference(name: "OpenCL/sgemm_naive") { product(&$0, .openCL, "sgemm_naive", isTiled: false) },
        KernelReference(name: "OpenCL/sgemm_tiled") { product(&$0, .openCL, "sgemm_tiled", isTiled: true) },
        KernelReference(name: "GLSL/sgemm") { product(&$0, .glsl, "sgemm", isTiled: true) },
    ]

    private static func transpose(
        _ generator: inout CaseGenerator, _ flavour: Flavour, _ kernel: String, isTiled: Bool
    ) -> KernelCase {
        let rows = generator.size(upTo: 90), columns = generator.size(upTo: 90)
        let groupSize = isTiled ? Extent(16, 16) : generator.planeGroup()
        let values = generator.floats(rows * columns)
        let transposed = (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
        return KernelCase(
            buffers: [
                KernelBuffer(
                    initial: Bytes.zeros(words: values.count), expectation: .exactly(Bytes.of(transposed))),
                .input(Bytes.of(values)),
            ],
            launches: [
                flavour.launch(
                    kernel, in: "transpose", groups: generator.groups(covering: columns, by: rows, of: groupSize),
                    of: groupSize, [.buffer(0), .buffer(1), .word(UInt32(rows)), .word(UInt32(columns))])
            ])
    }

    private static func product(
        _ generator: inout CaseGenerator, _ flavour: Flavour, _ kernel: String, isTiled: Bool
    ) -> KernelCase {
        let m = generator.size(upTo: 50), n = generator.size(upTo: 50), k = generator.size(upTo: 60)
        let groupSize = isTiled ? Extent(16, 16) : generator.planeGroup()
        let a = generator.floats(m * k), b = generator.floats(k * n)
        var expected: [Bounded] = []
        for row in 0..<m {
            for column in 0..<n {
                var sum = 0.0, magnitude = 0.0
                for i in 0..<k {
                    let term = Double(a[row * k + i]) * Double(b[i * n + column])
                    sum += term
                    magnitude += abs(term)
                }
                expected.append(Bounded(sum, roundings: Double(k + 1), of: magnitude))
            }
        }
        return KernelCase(
            buffers: [
                KernelBuffer(initial: Bytes.zeros(words: m * n), expectation: .near(expected)), .input(Bytes.of(a)),
                .input(Bytes.of(b)),
            ],
            launches: [
                flavour.launch(
                    kernel, in: "sgemm", groups: generator.groups(covering: n, by: m, of: groupSize), of: groupSize,
                    [.buffer(0), .buffer(1), .buffer(2), .word(UInt32(m)), .word(UInt32(n)), .word(UInt32(k))])
            ])
    }
}
