/// Memory of a case: what it has at first, and at the end.
public struct KernelBuffer: Sendable {
    /// Its bytes before the first launch; never empty.
    public let initial: [UInt8]
    let expectation: Expectation

    /// How the bytes after the launches are judged.
    enum Expectation: Sendable {
        /// These bytes and no others.
        case exactly([UInt8])
        /// Floats, each at most its bound away from its value.
        case near([Bounded])
        /// Words, of which this share may differ: results of chaotic arithmetic, where one rounding decides.
        case mostly([UInt32], share: Double)
        /// Scratch memory.
        case anything
    }

    /// Memory that kernels only read.
    static func input(_ bytes: [UInt8]) -> KernelBuffer { KernelBuffer(initial: bytes, expectation: .exactly(bytes)) }

    /// What is wrong with these bytes, if anything is.
    func mismatch(_ bytes: [UInt8]) -> String? {
        switch expectation {
        case .exactly(let expected):
            guard let first = expected.indices.first(where: { bytes[$0] != expected[$0] }) else { return nil }
            return "byte \(first) is \(bytes[first]) instead of \(expected[first])"
        case .near(let expected):
            let values = Bytes.floats(bytes)
            for index in expected.indices where !expected[index].admits(values[index]) {
                return "float \(index) is \(values[index]) instead of \(expected[index])"
            }
            return nil
        case .mostly(let expected, let share):
            let values = Bytes.words(bytes)
            let wrong = expected.indices.filter { values[$0] != expected[$0] }
            if Double(wrong.count) <= share * Double(expected.count) { return nil }
            return "\(wrong.count) of \(expected.count) words differ, first word \(wrong[0]): \(values[wrong[0]]) "
                + "instead of \(expected[wrong[0]])"
        case .anything: return nil
        }
    }
}

/// A number as the reference knows it, and how far from it single precision may end: a bound on the sum of all
/// roundings, in whatever order and contraction, computed from the terms' magnitudes.
struct Bounded: Sendable, CustomStringConvertible {
    /// Half the distance of 1 and the next float: the relative error of one rounding.
    static let rounding = 0x1p-24

    let value: Double
    let bound: Double

    /// A value that only is copied.
    init(_ value: Float) {
        self.value = Double(value)
        bound = 0
    }

    /// A value after `roundings` roundings of terms whose magnitudes have the sum `magnitude`.
    init(_ value: Double, roundings: Double, of magnitude: Double) {
        self.value = value
        // Results below the normal range may be flushed to zero.
        bound = roundings * Self.rounding * magnitude + 0x1p-126
    }

    /// Whether a result is good enough. NaN never is.
    func admits(_ result: Float) -> Bool { abs(Double(result) - value) <= bound }

    var description: String { "\(value) ± \(bound)" }
}
