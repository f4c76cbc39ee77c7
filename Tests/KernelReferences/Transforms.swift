import Glibc

extension KernelReference {
    /// Fourier transforms.
    static let transforms: [KernelReference] = [
        KernelReference(name: "OpenCL/fft_pass", build: passes),
        KernelReference(name: "OpenCL/fft_256") { blocks(&$0, .openCL) },
        KernelReference(name: "GLSL/fft") { blocks(&$0, .glsl) },
    ]

    /// The transform by its definition: pairs of real and imaginary parts, in and out.
    private static func transformed(_ points: [Float]) -> [Bounded] {
        let count = points.count / 2
        let angles = (0..<count).map { -2 * Double.pi * Double($0) / Double(count) }
        let cosines = angles.map { cos($0) }, sines = angles.map { sin($0) }
        // In each pass: 2 roundings of sine and cosine at 4 units each, 3 of the angle (up to pi), 4 of the butterfly.
        let roundings = 24 * Double(count.trailingZeroBitCount)
        let magnitude = points.reduce(0) { $0 + abs(Double($1)) }
        return (0..<count).flatMap { frequency in
            var real = 0.0, imaginary = 0.0
            for i in 0..<count {
                let turn = frequency * i % count
                let x = Double(points[i * 2]), y = Double(points[i * 2 + 1])
                real += x * cosines[turn] - y * sines[turn]
                imaginary += x * sines[turn] + y * cosines[turn]
            }
            return [real, imaginary].map { Bounded($0, roundings: roundings, of: magnitude) }
        }
    }

    /// A whole transform, in passes between two buffers.
    private static func passes(_ generator: inout CaseGenerator) -> KernelCase {
        let half = generator.powerOfTwo(upTo: 128), items = generator.groupSize()
        let points = generator.floats(half * 4)
        var launches: [KernelLaunch] = []
        var stride = 1
        while stride <= half {
            let from = launches.count % 2
            launches.append(
                Flavour.openCL.launch(
                    "fft_pass", in: "fft", groups: Extent(generator.groups(covering: half, of: items)),
                    of: Extent(items), [.buffer(from), .buffer(1 - from), .word(UInt32(half)), .word(UInt32(stride))]))
            stride *= 2
        }
        let result = launches.count % 2
        let initial = [Bytes.of(points), Bytes.zeros(words: points.count)], expected = transformed(points)
        return KernelCase(
            buffers: (0..<2).map { index in
                KernelBuffer(initial: initial[index], expectation: index == result ? .near(expected) : .anything)
            },
            launches: launches)
    }

    private static func blocks(_ generator: inout CaseGenerator, _ flavour: Flavour) -> KernelCase {
        let groups = generator.size(upTo: 4), items = generator.groupSize()
        let transforms = (0..<groups).map { _ in generator.floats(512) }
        return KernelCase(
            buffers: [
                KernelBuffer(
                    initial: Bytes.of(transforms.flatMap { $0 }), expectation: .near(transforms.flatMap(transformed)))
            ],
            launches: [
                flavour.launch("fft_256", in: "fft", groups: Extent(groups), of: Extent(items), [.buffer(0)])
            ])
    }
}
