extension String {
    /// A text that somebody else chose, as one word of a log line: in quotes, cut off, and without anything that would
    /// start a line or speak to a terminal.
    var quotedForLog: String {
        let most = 64
        var result = "'"
        for scalar in unicodeScalars.prefix(most) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default:
                if scalar == "'" || scalar == "\\" { result += "\\" }
                result.unicodeScalars.append(scalar)
            }
        }
        if unicodeScalars.count > most { result += "…" }
        return result + "'"
    }
}
