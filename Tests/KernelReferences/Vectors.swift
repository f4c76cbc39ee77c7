extension KernelReference {
    /// saxpy, reductions, scans.
    static let vectors: [KernelReference] = [
        KernelReference(name: "OpenCL/saxpy") { saxpy(&$0, .openCL, "saxpy", groupSize: nil, byAddress: false) },
        KernelReference(name: "GLSL/saxpy") { saxpy(&$0, .glsl, "saxpy", groupSize: nil, byAddress: true) },
        KernelReference(name: "GLSL/saxpy_buffers") {
            saxpy(&$0, .glsl, "saxpy_buffers", groupSize: 64, byAddress: false)
        },
        KernelReference(name: "OpenCL/reduce_sum") { sum(&$0, .openCL, groupSize: nil) },
        KernelReference(name: "OpenCL/reduce_max", build: maximum),
        KernelReference(name: "GLSL/reduce") { sum(&$0, .glsl, groupSize: 128) },
        KernelReference(name: "OpenCL/scan") { scan(&$0, .openCL) },
        KernelReference(name: "GLSL/scan") { scan(&$0, .glsl) },
    ]

    private static func saxpy(
        _ generator: inout CaseGenerator, _ flavour: Flavour, _ file: String, groupSize: Int?, byAddress: Bool
    ) -> KernelCase {
        let count = generator.size(upTo: 5000), items = groupSize ?? generator.groupSize()
        let x = generator.floats(count), y = generator.floats(count), a = generator.floats(1, in: -8...8)[0]
        let expected = (0..<count).map { i in
            let product = Double(a) * Double(x[i])
            return Bounded(product + Double(y[i]), roundings: 2, of: abs(product) + abs(Double(y[i])))
        }
        let places: [KernelArgument] = byAddress ? [.address(0), .address(1)] : [.buffer(0), .buffer(1)]
        return KernelCase(
            buffers: [KernelBuffer(initial: Bytes.of(y), expectation: .near(expected)), .input(Bytes.of(x))],
            launches: [
                flavour.launch(
                    "saxpy", in: file, groups: Extent(generator.groups(covering: count, of: items)), of: Extent(items),
                    places + [.float(a), .word(UInt32(count))])
            ])
    }

    /// Which of the values each group takes, as it goes through them by strides of the whole grid.
    private static func shares<Value>(of values: [Value], groups: Int, items: Int) -> [[Value]] {
        var shares = [[Value]](repeating: [], count: groups)
        for i in values.indices { shares[i / items % groups].append(values[i]) }
        return shares
    }

    private static func sum(_ generator: inout CaseGenerator, _ flavour: Flavour, groupSize: Int?) -> KernelCase {
        let count = generator.size(upTo: 5000), items = groupSize ?? generator.groupSize()
        let groups = generator.size(upTo: 12), values = generator.words(count)
        let partial = shares(of: values, groups: groups, items: items).map { $0.reduce(0, &+) }
        let scratch: [KernelArgument] = flavour == .openCL ? [.local(bytes: items * 4)] : []
        return KernelCase(
            buffers: [
                .input(Bytes.of(values)),
                KernelBuffer(initial: Bytes.of(generator.words(groups)), expectation: .exactly(Bytes.of(partial))),
            ],
            launches: [
                flavour.launch(
                    "reduce_sum", in: "reduce", groups: Extent(groups), of: Extent(items),
                    [.buffer(0), .buffer(1)] + scratch + [.word(UInt32(count))])
            ])
    }

    private static func maximum(_ generator: inout CaseGenerator) -> KernelCase {
        let count = generator.size(upTo: 5000), items = generator.groupSize(), groups = generator.size(upTo: 12)
        let values = generator.floats(count, in: -1000...1000)
        let partial = shares(of: values, groups: groups, items: items).map { $0.max() ?? -.infinity }
        return KernelCase(
            buffers: [
                .input(Bytes.of(values)),
                KernelBuffer(initial: Bytes.of(generator.words(groups)), expectation: .exactly(Bytes.of(partial))),
            ],
            launches: [
                Flavour.openCL.launch(
                    "reduce_max", in: "reduce", groups: Extent(groups), of: Extent(items),
                    [.buffer(0), .buffer(1), .local(bytes: items * 4), .word(UInt32(count))])
            ])
    }

    /// A whole scan: of each block, of the blocks' sums by a single group, and the addition of what lies before.
    private static func scan(_ generator: inout CaseGenerator, _ flavour: Flavour) -> KernelCase {
        let items = generator.groupSize(), count = generator.size(upTo: min(5000, items * 200))
        let groups = (count + items - 1) / items, values = generator.words(count)
        var scanned: [UInt32] = []
        var total: UInt32 = 0
        for value in values {
            total &+= value
            scanned.append(total)
        }
        let scannedSums = (0..<groups).map { scanned[min(count, ($0 + 1) * items) - 1] }
        let sums = scannedSums.indices.map { scannedSums[$0] &- ($0 == 0 ? 0 : scannedSums[$0 - 1]) }
        func output(_ words: [UInt32]) -> KernelBuffer {
            KernelBuffer(initial: Bytes.of(generator.words(words.count)), expectation: .exactly(Bytes.of(words)))
        }
        func scratch(_ items: Int) -> [KernelArgument] { flavour == .openCL ? [.local(bytes: items * 8)] : [] }
        return KernelCase(
            buffers: [
                .input(Bytes.of(values)), output(scanned), output(sums), output(scannedSums), output([total]),
            ],
            launches: [
                flavour.launch(
                    "scan_groups", in: "scan", groups: Extent(groups), of: Extent(items),
                    [.buffer(0), .buffer(1), .buffer(2)] + scratch(items) + [.word(UInt32(count))]),
                flavour.launch(
                    "scan_groups", in: "scan", groups: Extent(1), of: Extent(groups),
                    [.buffer(2), .buffer(3), .buffer(4)] + scratch(groups) + [.word(UInt32(groups))]),
                flavour.launch(
                    "scan_add", in: flavour == .openCL ? "scan" : "scan_add", groups: Extent(groups), of: Extent(items),
                    [.buffer(1), .buffer(3), .word(UInt32(count))]),
            ])
    }
}
