import ArgumentParser

/// Measures this machine's Understudy against baselines that it runs beside it.
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the server against baselines in the same run.",
        discussion: """
            Starts a private server and, beside it, a bare libuv echo server of the same message sizes. Figures of one \
            run are comparable with each other, not with those of another machine or hour: read the ratios.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Flag(help: "Fewer rounds, smaller sizes and fewer guests: a check that it works.")
    var quick = false

    func run() throws {
        do {
            let report = try BenchProgram.run(isQuick: quick)
            print(json ? report.json : report.table)
        } catch {
            TextLine.write("understudy bench: \(error)")
            throw ExitCode.failure
        }
    }
}

/// What was measured, in the order of the table.
struct BenchReport {
    struct Figure {
        let key: String
        let what: String
        let value: Double
        let unit: String
        /// The value divided by its baseline's, or the other way round where more is better.
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

    var table: String {
        let width = figures.map(\.what.count).max() ?? 0
        return figures.map { figure in
            var line = figure.what.padded(to: width) + Self.text(figure.value).leftPadded(to: 12) + " " + figure.unit
            if let ratio = figure.ratio {
                line = line.padded(to: width + 22) + "ratio \(Self.text(ratio))"
                if let aim = figure.aim { line += " (aim: \(aim))" }
            }
            return line
        }.joined(separator: "\n")
    }

    var json: String {
        let items = figures.map { figure in
            var fields = [
                "\"key\": \"\(figure.key)\"", "\"what\": \"\(figure.what)\"", "\"value\": \(Self.text(figure.value))",
                "\"unit\": \"\(figure.unit)\"",
            ]
            if let ratio = figure.ratio { fields.append("\"ratio\": \(Self.text(ratio))") }
            if let aim = figure.aim { fields.append("\"aim\": \"\(aim)\"") }
            return "  {" + fields.joined(separator: ", ") + "}"
        }
        return "[\n" + items.joined(separator: ",\n") + "\n]"
    }

    private static func text(_ value: Double) -> String {
        let hundredths = UInt64((value * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(1, width - count))
    }

    fileprivate func leftPadded(to width: Int) -> String {
        String(repeating: " ", count: Swift.max(0, width - count)) + self
    }
}
