import DXGProtocol

/// What the demo prints about one problem.
enum Figures {
    /// Work per time: `amount` is bytes or operations.
    struct Rate {
        let amount: Double
        let unit: String

        func text(nanoseconds: UInt64) -> String {
            "\(Figures.decimal(amount / Double(max(nanoseconds, 1)), places: 2)) \(unit)"
        }
    }

    static func print(_ name: String, _ what: String, _ times: DemoGuest.Times, _ plain: UInt64, rate: Rate) {
        let head = name + String(repeating: " ", count: max(1, 11 - name.count))
        let indent = String(repeating: " ", count: 11)
        Swift.print("\(head)\(what)")
        Swift.print("\(indent)on the GPU           \(milliseconds(times.gpu)) ms, \(rate.text(nanoseconds: times.gpu))")
        Swift.print("\(indent)submission to event  \(milliseconds(times.whole)) ms")
        Swift.print("\(indent)plain loop, one core \(milliseconds(plain)) ms, \(rate.text(nanoseconds: plain))")
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        decimal(Double(nanoseconds) / 1_000_000, places: 3)
    }

    private static func decimal(_ value: Double, places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = UInt64((value * scale).rounded())
        let digits = String(scaled % UInt64(scale))
        return "\(scaled / UInt64(scale))." + String(repeating: "0", count: places - digits.count) + digits
    }
}

/// Why a demo ended early.
enum DemoError: Error, CustomStringConvertible {
    case wrongResult(String)
    case deviceLost(UInt32)

    var description: String {
        switch self {
        case .wrongResult(let text): "wrong result: \(text)"
        case .deviceLost(let state):
            "the device is lost: \(DeviceExecutionState(rawValue: state).map { "\($0)" } ?? "state \(state)")"
        }
    }
}

/// Comparison of results, element by element.
enum Check {
    static func equal(_ found: [Float], _ expected: [Float], tolerance: Float, _ what: String) throws {
        guard found.count == expected.count else { throw DemoError.wrongResult("\(what): \(found.count) elements") }
        for index in found.indices where abs(found[index] - expected[index]) > tolerance {
            throw DemoError.wrongResult("\(what)[\(index)] is \(found[index]), not \(expected[index])")
        }
    }
}
