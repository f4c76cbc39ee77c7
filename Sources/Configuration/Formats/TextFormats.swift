extension ScalarFormat where Value: Equatable {
    /// One of a few words.
    static func choice(_ noun: String, _ choices: [(word: String, value: Value)]) -> ScalarFormat {
        let words = choices.map(\.word)
        return ScalarFormat(noun: noun, allowed: words.joined(separator: ", ")) { input throws(ScalarProblem) in
            guard let choice = choices.first(where: { $0.word == input.text }) else {
                throw ScalarProblem(noun + (NearestName.of(input.text, in: words).map { " (nearest: '\($0)')" } ?? ""))
            }
            return choice.value
        } show: { value in
            choices.first { $0.value == value }?.word ?? "?"
        }
    }
}

extension ScalarFormat<Bool> {
    static var boolean: ScalarFormat { choice("a truth value", [("true", true), ("false", false)]) }
}

extension ScalarFormat<String> {
    /// What something is referred to by.
    static var name: ScalarFormat {
        let noun = "a name"
        return ScalarFormat(noun: noun, allowed: "1 to 64 letters, digits and . _ -, a letter or digit first") {
            input throws(ScalarProblem) in
            let text = input.text
            // A name that is a word of the configuration could not be told from it.
            guard (1...64).contains(text.utf8.count), !reserved.contains(text), text.utf8.first.map(isPlain) == true,
                text.utf8.allSatisfy({ isPlain($0) || $0 == 0x2e || $0 == 0x5f || $0 == 0x2d })
            else { throw ScalarProblem(noun) }
            return text
        } show: { name in
            name
        }
    }

    private static var reserved: [String] { ["all", "any", "none"] }

    private static func isPlain(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"):
            true
        default: false
        }
    }

    /// Text for people, counted as Windows counts it.
    static func text(_ noun: String, units: ClosedRange<Int>) -> ScalarFormat {
        let allowed = "\(units.lowerBound) to \(units.upperBound) UTF-16 units without control characters"
        return ScalarFormat(noun: noun, allowed: allowed) { input throws(ScalarProblem) in
            guard units.contains(input.text.utf16.count) else { throw .inRange }
            guard input.text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
                throw ScalarProblem(noun)
            }
            return input.text
        } show: { text in
            text
        }
    }

    /// The name of a file; a relative one starts in the folder of the file that it is written in.
    static func path(_ what: String) -> ScalarFormat {
        ScalarFormat(noun: "a path", allowed: what) { input throws(ScalarProblem) in
            guard !input.text.isEmpty, !input.text.utf8.contains(0) else { throw ScalarProblem("a path") }
            return input.file.resolve(input.text)
        } show: { path in
            path
        }
    }
}
