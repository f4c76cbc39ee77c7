/// What the demo prints about one problem.
enum Figures {
    /// Work per time: `amount` is bytes or operations, and the unit that of so many in a nanosecond.
    struct Rate {
        let amount: Double
        let unit: String

        func text(nanoseconds: UInt64) -> String {
            "\((amount / Double(max(nanoseconds, 1))).text(places: 2)) \(unit)"
        }
    }

    private static let indent = 11

    /// Prints the times on the GPU beside those of the plain loop, in nanoseconds.
    static func print(_ name: String, _ what: String, _ times: DemoGuest.Times, plain: UInt64, rate: Rate) {
        let blank = "".padded(to: indent)
        Swift.print("\(name.padded(to: indent))\(what)")
        Swift.print("\(blank)on the GPU           \(milliseconds(times.gpu)) ms, \(rate.text(nanoseconds: times.gpu))")
        Swift.print("\(blank)submission to event  \(milliseconds(times.whole)) ms")
        Swift.print("\(blank)plain loop, one core \(milliseconds(plain)) ms, \(rate.text(nanoseconds: plain))")
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        (Double(nanoseconds) / 1_000_000).text(places: 3)
    }
}
