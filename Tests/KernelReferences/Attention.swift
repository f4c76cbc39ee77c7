import Glibc

extension KernelReference {
    /// Softmax, alone and in attention.
    static let attention: [KernelReference] = [
        KernelReference(name: "OpenCL/softmax") { softmax(&$0, .openCL) },
        KernelReference(name: "GLSL/softmax") { softmax(&$0, .glsl) },
        KernelReference(name: "OpenCL/attention", build: causal),
    ]

    /// Powers of e of what each value is below the greatest one, and the roundings of each: 3 + 2 |x| units, which are
    /// twice as many roundings, and the one of the difference.
    private static func powers(_ values: [Double]) -> (powers: [Double], roundings: Double) {
        let most = values.max() ?? 0, least = values.min() ?? 0
        return (values.map { exp($0 - most) }, 6 + 5 * (most - least))
    }

    private static func softmax(_ generator: inout CaseGenerator, _ flavour: Flavour) -> KernelCase {
        let rows = generator.size(upTo: 12), columns = generator.size(upTo: 400), items = generator.groupSize()
        let values = generator.floats(rows * columns, in: -6...6)
        let expected = (0..<rows).flatMap { row in
            let (powers, roundings) = powers(values[row * columns..<(row + 1) * columns].map(Double.init))
            let sum = powers.reduce(0, +)
            return powers.map { Bounded($0 / sum, roundings: 2 * roundings + Double(columns) + 5, of: $0 / sum) }
        }
        let scratch: [KernelArgument] = flavour == .openCL ? [.local(bytes: items * 4)] : []
        return KernelCase(
            buffers: [
                .input(Bytes.of(values)),
                KernelBuffer(initial: Bytes.zeros(words: values.count), expectation: .near(expected)),
            ],
            launches: [
                flavour.launch(
                    "softmax", in: flavour == .openCL ? "attention" : "softmax", groups: Extent(rows),
                    of: Extent(items), [.buffer(0), .buffer(1)] + scratch + [.word(UInt32(columns))])
            ])
    }

    private static func causal(_ generator: inout CaseGenerator) -> KernelCase {
        let rows = generator.size(upTo: 40), width = generator.size(upTo: 40), items = generator.groupSize()
        let q = generator.floats(rows * width), k = generator.floats(rows * width), v = generator.floats(rows * width)
        let scale = 1 / Double(width).squareRoot()
        var expected: [Bounded] = []
        for row in 0..<rows {
            var scores: [Double] = [], magnitude = 0.0
            for other in 0...row {
                let terms = (0..<width).map { Double(q[row * width + $0]) * Double(k[other * width + $0]) }
                scores.append(terms.reduce(0, +) * scale)
                magnitude = max(magnitude, terms.reduce(0) { $0 + abs($1) } * scale)
            }
            let (powers, ofPowers) = powers(scores)
            // An error of a score is a relative one of its power; the root has 2 units.
            let roundings = 2 * (ofPowers + Double(width + 6) * magnitude) + 2 * Double(row + 1) + 5
            let sum = powers.reduce(0, +)
            for column in 0..<width {
                let terms = powers.indices.map { powers[$0] / sum * Double(v[$0 * width + column]) }
                expected.append(
                    Bounded(terms.reduce(0, +), roundings: roundings, of: terms.reduce(0) { $0 + abs($1) }))
            }
        }
        return KernelCase(
            buffers: [
                .input(Bytes.of(q)), .input(Bytes.of(k)), .input(Bytes.of(v)),
                KernelBuffer(initial: Bytes.zeros(words: rows * width), expectation: .near(expected)),
            ],
            launches: [
                Flavour.openCL.launch(
                    "attention", in: "attention", groups: Extent(rows), of: Extent(items),
                    [
                        .buffer(0), .buffer(1), .buffer(2), .buffer(3), .local(bytes: rows * 4),
                        .local(bytes: items * 4), .word(UInt32(width)),
                    ])
            ])
    }
}
