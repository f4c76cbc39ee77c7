/// Identifiers in a line of code.
enum Words {
    static func all(in line: some StringProtocol) -> [Substring] {
        Substring(line).split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}
