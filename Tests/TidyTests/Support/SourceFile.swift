/// A text file of the project.
struct SourceFile: Sendable {
    /// From the project's folder, such as `Sources/VMBus/GUID.swift`.
    let path: String
    let text: String
    /// The text's lines; the first has number 1.
    let lines: [Substring]
    /// For a Swift file that people write, its lines without comments and the content of string literals.
    let code: [String]
    /// Whether a script of the project wrote it, as its first line says.
    let isGenerated: Bool

    init(path: String, text: String) {
        self.path = path
        self.text = text
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        isGenerated = lines.first?.contains("by scripts/") ?? false
        code = path.hasSuffix(".swift") && !isGenerated ? CodeLines(text).lines : []
    }

    /// The target of a file under Sources.
    var target: Substring? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && parts[0] == "Sources" ? parts[1] : nil
    }

    /// Where lines satisfy a condition, as `path:line: text`.
    func places(where condition: (Substring) -> Bool) -> [String] {
        lines.indices.filter { condition(lines[$0]) }.map { place($0, lines[$0]) }
    }

    /// Where lines of code satisfy a condition, as `path:line: text`.
    func codePlaces(where condition: (String) -> Bool) -> [String] {
        code.indices.filter { condition(code[$0]) }.map { place($0, lines[$0]) }
    }

    func place(_ index: Int, _ text: some StringProtocol) -> String {
        "\(path):\(index + 1): \(text.drop { $0 == " " }.prefix(100))"
    }
}
