/// Digits and nothing else: the standard conversions would also take a sign.
enum Digits {
    /// The number, or nothing where the text is none; `.inRange` where it is one that no 64 bits hold.
    static func number(_ text: some StringProtocol, radix: UInt64 = 10) throws(ScalarProblem) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        var overflows = false
        for character in text.utf8 {
            guard let digit = digit(character), digit < radix else { return nil }
            let (product, isLarge) = value.multipliedReportingOverflow(by: radix)
            let (sum, isLarger) = product.addingReportingOverflow(digit)
            overflows = overflows || isLarge || isLarger
            value = sum
        }
        if overflows { throw .inRange }
        return value
    }

    static func digit(_ character: UInt8) -> UInt64? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(character - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt64(character - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt64(character - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}

extension ScalarFormat where Value: FixedWidthInteger {
    /// A whole number, decimal or, with `0x`, hexadecimal.
    static func number(_ range: ClosedRange<Value>) -> ScalarFormat {
        let noun = "a whole number"
        return ScalarFormat(noun: noun, allowed: "\(range.lowerBound) to \(range.upperBound)") {
            input throws(ScalarProblem) in
            let text = input.text
            let number =
                text.hasPrefix("0x") ? try Digits.number(text.dropFirst(2), radix: 16) : try Digits.number(text)
            guard let number else { throw ScalarProblem(noun) }
            guard let value = Value(exactly: number), range.contains(value) else { throw .inRange }
            return value
        } show: { value in
            String(value)
        }
    }
}

/// A unit and how many of the smallest one it is.
struct Unit: Sendable {
    let name: String
    let factor: UInt64

    static let sizes = [
        Unit(name: "B", factor: 1), Unit(name: "KiB", factor: 1 << 10), Unit(name: "MiB", factor: 1 << 20),
        Unit(name: "GiB", factor: 1 << 30), Unit(name: "TiB", factor: 1 << 40),
    ]
    /// In nanoseconds.
    static let times = [
        Unit(name: "ns", factor: 1), Unit(name: "us", factor: 1000), Unit(name: "ms", factor: 1_000_000),
        Unit(name: "s", factor: 1_000_000_000), Unit(name: "min", factor: 60_000_000_000),
        Unit(name: "h", factor: 3_600_000_000_000),
    ]

    /// The amount in the largest unit that it is a whole number of.
    static func show(_ amount: UInt64, in units: [Unit]) -> String {
        let unit = units.last { amount != 0 && amount % $0.factor == 0 } ?? units[0]
        return "\(amount / unit.factor)\(unit.name)"
    }
}

extension ScalarFormat<UInt64> {
    /// Bytes with a unit: `512MiB`. What is no multiple of `step` is out of range.
    static func size(_ range: ClosedRange<UInt64>, step: UInt64 = 1) -> ScalarFormat {
        amount("a size such as 512MiB or 4GiB", range, units: Unit.sizes, step: step)
    }

    /// Nanoseconds, written with a unit: `20s`, `500ms`.
    static func duration(_ range: ClosedRange<UInt64>) -> ScalarFormat {
        amount("a time such as 20s or 500ms", range, units: Unit.times, step: 1)
    }

    private static func amount(
        _ noun: String, _ range: ClosedRange<UInt64>, units: [Unit], step: UInt64
    ) -> ScalarFormat {
        let bounds = "\(Unit.show(range.lowerBound, in: units)) to \(Unit.show(range.upperBound, in: units))"
        let allowed = step == 1 ? bounds : "\(bounds) in steps of \(Unit.show(step, in: units))"
        return ScalarFormat(noun: noun, allowed: allowed) { input throws(ScalarProblem) in
            let digits = input.text.prefix { $0.isASCII && $0.isWholeNumber }
            let suffix = input.text[digits.endIndex...]
            guard let unit = units.first(where: { $0.name == suffix }), let number = try Digits.number(digits) else {
                throw ScalarProblem(noun)
            }
            let (value, overflow) = number.multipliedReportingOverflow(by: unit.factor)
            guard !overflow, range.contains(value), value % step == 0 else { throw .inRange }
            return value
        } show: { value in
            Unit.show(value, in: units)
        }
    }
}

extension ScalarFormat<UInt32> {
    /// Permission bits of a file, in octal.
    static var permissions: ScalarFormat {
        let noun = "an octal mode such as 0660"
        return ScalarFormat(noun: noun, allowed: "0000 to 0777") { input throws(ScalarProblem) in
            guard (3...4).contains(input.text.utf8.count), let mode = try Digits.number(input.text, radix: 8) else {
                throw ScalarProblem(noun)
            }
            guard mode <= 0o777 else { throw .inRange }
            return UInt32(mode)
        } show: { mode in
            let digits = String(mode, radix: 8)
            return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
        }
    }
}
