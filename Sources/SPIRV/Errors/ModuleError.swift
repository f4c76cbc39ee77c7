/// Why a module is refused, and where.
public struct ModuleError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which rule it breaks.
    public let rule: Rule
    /// What exactly: numbers and names of the specification only, no text from the module.
    public let detail: String
    /// Index of the first word of the instruction, or of the word itself, counted from the start of the module.
    public let wordOffset: Int

    public init(_ rule: Rule, _ detail: String, at wordOffset: Int) {
        self.rule = rule
        self.detail = detail
        self.wordOffset = wordOffset
    }

    /// One sentence for a log.
    public var reason: String { detail.isEmpty ? rule.text : "\(rule.text): \(detail)" }

    public var description: String { "word \(wordOffset): \(rule.kind): \(reason)" }
}
