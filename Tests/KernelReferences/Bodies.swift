extension KernelReference {
    /// Bodies that attract one another.
    static let bodies: [KernelReference] = [
        KernelReference(name: "OpenCL/nbody", build: step), KernelReference(name: "GLSL/nbody", build: attraction),
    ]

    /// The roundings of one term of a sum of forces: difference 1, square with its sum 6, root 2 units (4) and half of
    /// what it is taken of (3), its cube three times that and 3, the product with the difference 2; rounded up.
    private static let roundingsOfTerm = 32.0

    /// (x, y, z, mass) of each body.
    private static func randomBodies(_ generator: inout CaseGenerator, _ count: Int) -> [Float] {
        (0..<count).flatMap { _ in generator.floats(3) + generator.floats(1, in: 0...1) }
    }

    /// The acceleration of a body in each of three dimensions.
    private static func acceleration(of body: Int, in bodies: [Float], softening: Float) -> [Bounded] {
        let count = bodies.count / 4
        var sums = [0.0, 0.0, 0.0], magnitudes = [0.0, 0.0, 0.0]
        for other in 0..<count {
            let way = (0..<3).map { Double(bodies[other * 4 + $0]) - Double(bodies[body * 4 + $0]) }
            let square = way[0] * way[0] + way[1] * way[1] + way[2] * way[2] + Double(softening)
            let force = Double(bodies[other * 4 + 3]) / (square * square.squareRoot())
            for axis in 0..<3 {
                sums[axis] += way[axis] * force
                magnitudes[axis] += abs(way[axis] * force)
            }
        }
        // A tile that is not full adds terms that are zero.
        return (0..<3).map { Bounded(sums[$0], roundings: roundingsOfTerm + Double(count), of: magnitudes[$0]) }
    }

    /// `start + rate * time` with the bounds of both.
    private static func advanced(_ start: Double, by rate: Bounded, in time: Float) -> Bounded {
        let way = rate.value * Double(time)
        let carried = rate.bound * abs(Double(time)) / Bounded.rounding
        return Bounded(start + way, roundings: 1, of: carried + 2 * (abs(start) + abs(way) + rate.bound))
    }

    private static func step(_ generator: inout CaseGenerator) -> KernelCase {
        let count = generator.size(upTo: 150), items = generator.groupSize()
        let positions = randomBodies(&generator, count), velocities = generator.floats(count * 4)
        let time = generator.floats(1, in: 0.001...0.1)[0], softening = generator.floats(1, in: 0.01...0.1)[0]
        var newPositions: [Bounded] = [], newVelocities: [Bounded] = []
        for body in 0..<count {
            let acceleration = acceleration(of: body, in: positions, softening: softening)
            for axis in 0..<3 {
                let velocity = advanced(Double(velocities[body * 4 + axis]), by: acceleration[axis], in: time)
                newVelocities.append(velocity)
                newPositions.append(advanced(Double(positions[body * 4 + axis]), by: velocity, in: time))
            }
            newVelocities.append(Bounded(velocities[body * 4 + 3]))
            newPositions.append(Bounded(positions[body * 4 + 3]))
        }
        return KernelCase(
            buffers: [
                .input(Bytes.of(positions)),
                KernelBuffer(initial: Bytes.zeros(words: count * 4), expectation: .near(newPositions)),
                KernelBuffer(initial: Bytes.of(velocities), expectation: .near(newVelocities)),
            ],
            launches: [
                Flavour.openCL.launch(
                    "nbody", in: "nbody", groups: Extent(generator.groups(covering: count, of: items)),
                    of: Extent(items),
                    [.buffer(0), .buffer(1), .buffer(2), .word(UInt32(count)), .float(time), .float(softening)])
            ])
    }

    private static func attraction(_ generator: inout CaseGenerator) -> KernelCase {
        let count = generator.size(upTo: 150), bodies = randomBodies(&generator, count)
        let softening = generator.floats(1, in: 0.01...0.1)[0]
        let expected = (0..<count).flatMap { acceleration(of: $0, in: bodies, softening: softening) + [Bounded(0)] }
        return KernelCase(
            buffers: [
                .input(Bytes.of(bodies)),
                KernelBuffer(initial: Bytes.zeros(words: count * 4), expectation: .near(expected)),
            ],
            launches: [
                Flavour.glsl.launch(
                    "nbody", in: "nbody", groups: Extent(generator.groups(covering: count, of: 64)), of: Extent(64),
                    [.buffer(0), .buffer(1), .word(UInt32(count)), .float(softening)])
            ])
    }
}
