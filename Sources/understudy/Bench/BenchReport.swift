/// What was measured, in the order of the table.
struct BenchReport {
    /// One row.
    struct Figure {
        /// A name for programs, such as `roundtrip.command`.
        let key: String
        /// What was measured, for people.
        let what: String
        let value: Double
        let unit: String
        /// The value divided by its baseline's.
        var ratio: Double?
        /// What the ratio should be.
        var aim: String?
    }

    private(set) var figures: [Figure] = []

    mutating func add(
        _ key: String, _ what: String, _ value: Double, _ unit: String, ratio: Double? = nil, aim: String? = nil
    ) {
        figures.append(Figure(key: key, what: what, value: value, unit: unit, ratio: ratio, aim: aim))
    }

    /// A line for each figure, in columns.
    var table: String {
        let width = figures.map(\.what.count).max() ?? 0
        return figures.map { figure in
            let value = figure.value.text(places: 2).leftPadded(to: 12)
            var line = "\(figure.what.padded(to: width))\(value) \(figure.unit)"
            if let ratio = figure.ratio {
                line = line.padded(to: width + 22) + "ratio \(ratio.text(places: 2))"
                if let aim = figure.aim { line += " (aim: \(aim))" }
            }
            return line
        }.joined(separator: "\n")
    }

    /// An array with an object for each figure. No name or text in it needs an escape.
    var json: String {
        let items = figures.map { figure in
            var fields = [
                "\"key\": \"\(figure.key)\"", "\"what\": \"\(figure.what)\"",
                "\"value\": \(figure.value.text(places: 2))", "\"unit\": \"\(figure.unit)\"",
            ]
            if let ratio = figure.ratio { fields.append("\"ratio\": \(ratio.text(places: 2))") }
            if let aim = figure.aim { fields.append("\"aim\": \"\(aim)\"") }
            return "  {" + fields.joined(separator: ", ") + "}"
        }
        return "[\n" + items.joined(separator: ",\n") + "\n]"
    }
}
