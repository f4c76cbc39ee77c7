extension KernelReference {
    /// Histograms and sorts.
    static let counters: [KernelReference] = [
        KernelReference(name: "OpenCL/histogram") { histogram(&$0, .openCL) },
        KernelReference(name: "GLSL/histogram") { histogram(&$0, .glsl) },
        KernelReference(name: "OpenCL/histogram_global", build: extremes),
        KernelReference(name: "OpenCL/bitonic_step") { sort(&$0, .openCL) },
        KernelReference(name: "GLSL/bitonic") { sort(&$0, .glsl) },
        KernelReference(name: "OpenCL/bitonic_local", build: sortedBlocks),
    ]

    /// Bytes of which some values are more likely than others, so that atomics meet.
    private static func unevenBytes(_ generator: inout CaseGenerator, _ count: Int) -> [UInt8] {
        let mask: UInt8 = Bool.random(using: &generator) ? 0xff : 0x83
        return generator.bytes(count).map { $0 & mask }
    }

    private static func counted(_ values: [UInt8], into bins: [UInt32]) -> [UInt32] {
        var bins = bins
        for value in values { bins[Int(value)] += 1 }
        return bins
    }

    private static func histogram(_ generator: inout CaseGenerator, _ flavour: Flavour) -> KernelCase {
        let words = generator.size(upTo: 2000), groups = generator.size(upTo: 12)
        let count = flavour == .glsl ? words * 4 : words
        let items = flavour == .glsl ? 128 : generator.groupSize()
        let values = unevenBytes(&generator, count), bins = generator.words(256).map { $0 >> 8 }
        return KernelCase(
            buffers: [
                .input(values),
                KernelBuffer(initial: Bytes.of(bins), expectation: .exactly(Bytes.of(counted(values, into: bins)))),
            ],
            launches: [
                flavour.launch(
                    "histogram", in: "histogram", groups: Extent(groups), of: Extent(items),
                    [.buffer(0), .buffer(1), .word(UInt32(words))])
            ])
    }

    private static func extremes(_ generator: inout CaseGenerator) -> KernelCase {
        let count = generator.size(upTo: 3000), items = generator.groupSize()
        let values = unevenBytes(&generator, count), bins = generator.words(256).map { $0 >> 8 }
        func word(_ initial: UInt32, _ expected: UInt8?) -> KernelBuffer {
            KernelBuffer(
                initial: Bytes.of([initial]), expectation: .exactly(Bytes.of([expected.map(UInt32.init) ?? initial])))
        }
        return KernelCase(
            buffers: [
                .input(values),
                KernelBuffer(initial: Bytes.of(bins), expectation: .exactly(Bytes.of(counted(values, into: bins)))),
                word(.max, values.min()), word(0, values.max()),
            ],
            launches: [
                Flavour.openCL.launch(
                    "histogram_global", in: "histogram", groups: Extent(generator.groups(covering: count, of: items)),
                    of: Extent(items), [.buffer(0), .buffer(1), .buffer(2), .buffer(3), .word(UInt32(count))])
            ])
    }

    /// A whole sort, step by step.
    private static func sort(_ generator: inout CaseGenerator, _ flavour: Flavour) -> KernelCase {
        let items = generator.powerOfTwo(upTo: 128), groups = generator.powerOfTwo(upTo: 8)
        let count = items * groups * 2, values = generator.words(count)
        var launches: [KernelLaunch] = []
        var run = 2
        while run <= count {
            var distance = run / 2
            while distance > 0 {
                launches.append(
                    flavour.launch(
                        "bitonic_step", in: "bitonic", groups: Extent(groups), of: Extent(items),
                        [.buffer(0), .word(UInt32(distance)), .word(UInt32(run))]))
                distance /= 2
            }
            run *= 2
        }
        return KernelCase(
            buffers: [KernelBuffer(initial: Bytes.of(values), expectation: .exactly(Bytes.of(values.sorted())))],
            launches: launches)
    }

    private static func sortedBlocks(_ generator: inout CaseGenerator) -> KernelCase {
        let items = generator.powerOfTwo(upTo: 256), groups = generator.size(upTo: 6), block = items * 2
        let values = generator.words(block * groups)
        let sorted = (0..<groups).flatMap { values[$0 * block..<($0 + 1) * block].sorted() }
        return KernelCase(
            buffers: [KernelBuffer(initial: Bytes.of(values), expectation: .exactly(Bytes.of(sorted)))],
            launches: [
                Flavour.openCL.launch(
                    "bitonic_local", in: "bitonic", groups: Extent(groups), of: Extent(items),
                    [.buffer(0), .local(bytes: block * 4)])
            ])
    }
}
