/// How things of a file appear in messages: on one line, short, and without control characters.
enum Shown {
    private static let maximumCharacters = 60

    /// Text in quotation marks.
    static func quoted(_ text: String) -> String { "'\(plain(text))'" }

    /// The place of an element of a list.
    static func path(_ path: String, index: Int) -> String { "\(path)[\(index)]" }

    /// The place of an entry of a mapping.
    static func path(_ path: String, key: String) -> String {
        let key = plain(key)
        return path.isEmpty ? key : "\(path).\(key)"
    }

    private static func plain(_ text: String) -> String {
        var result = ""
        for (index, character) in text.unicodeScalars.prefix(maximumCharacters + 1).enumerated() {
            if index == maximumCharacters { return result + "…" }
            switch character.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
                result += "\\u{\(String(character.value, radix: 16))}"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
