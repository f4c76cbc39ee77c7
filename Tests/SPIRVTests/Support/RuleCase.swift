import Testing

@testable import SPIRV

/// A module that breaks one rule: a sound one with lines changed.
struct RuleCase: Sendable, CustomTestStringConvertible {
    let rule: Rule
    let words: [UInt32]
    /// Index of the first word of the instruction that breaks it, where the case says which.
    let place: Int?
    let limits: Limits
    let name: String

    var testDescription: String { "\(rule.rawValue): \(name)" }

    /// A sound module in which a line is another, or several. The module is refused at the first of the new lines,
    /// unless `at` is another line, or empty for anywhere. `cut` lines are missing at the end.
    init(
        _ rule: Rule, in text: String = SoundModule.kernel, _ line: String, is other: String, at place: String? = nil,
        version: Version = Version(1, 3), limits: Limits = Limits(), cut: Int = 0
    ) {
        let lines = text.split(separator: "\n").map(String.init)
        precondition(lines.count { $0 == line } == 1, "one line \(line)")
        var assembler = Assembler(version: version)
        do {
            try assembler.add(lines.dropLast(cut).map { $0 == line ? other : $0 }.joined(separator: "\n"))
        } catch { preconditionFailure("\(error)") }
        self.rule = rule
        words = assembler.module
        self.limits = limits
        let wanted = place ?? other.split(separator: "\n").first.map(String.init) ?? ""
        self.place = wanted.isEmpty ? nil : assembler.places[wanted]
        precondition(wanted.isEmpty || self.place != nil, "a line \(wanted)")
        name = other.isEmpty ? "without \(line)" : other.split(separator: "\n").joined(separator: "; ")
    }

    /// A sound module with its words changed.
    init(_ rule: Rule, _ name: String, at place: Int?, limits: Limits = Limits(), _ change: (inout [UInt32]) -> Void) {
        var assembler = Assembler()
        do { try assembler.add(SoundModule.kernel) } catch { preconditionFailure("\(error)") }
        var words = assembler.module
        change(&words)
        self.rule = rule
        self.words = words
        self.place = place
        self.limits = limits
        self.name = name
    }
}
