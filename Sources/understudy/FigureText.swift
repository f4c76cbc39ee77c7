extension Double {
    /// A number that is not negative, with so many digits behind the point.
    func text(places: Int) -> String {
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let scaled = UInt64((self * scale).rounded())
        let digits = String(scaled % UInt64(scale))
        return "\(scaled / UInt64(scale))." + String(repeating: "0", count: places - digits.count) + digits
    }
}

extension String {
    /// A column of text: blanks behind it, at least one.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: Swift.max(1, width - count)) }

    /// A column of numbers: blanks before it.
    func leftPadded(to width: Int) -> String { String(repeating: " ", count: Swift.max(0, width - count)) + self }
}
