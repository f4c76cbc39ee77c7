/// A text that stands for a value, and the folder in which relative paths start.
struct ScalarText {
    let text: String
    let file: FileReading
}

/// What a text is not. Completes the sentence `'TEXT' is not …`.
struct ScalarProblem: Error {
    let missing: String

    init(_ missing: String) { self.missing = missing }

    /// For values that are well formed.
    static let inRange = ScalarProblem("in range")
}

/// How values of one kind are written.
struct ScalarFormat<Value: Sendable>: Sendable {
    /// What a value is called: `a size such as 512MiB`.
    let noun: String
    /// What may be written: `1MiB to 16TiB`.
    let allowed: String
    /// Whether messages must not show what was written.
    var isSecret = false
    let parse: @Sendable (ScalarText) throws(ScalarProblem) -> Value
    /// The reverse of `parse`.
    let show: @Sendable (Value) -> String

    /// The value of a node; nothing if it is wrong, which is reported then.
    func read(_ node: YAMLNode, at place: Place) -> Value? {
        place.found(inLine: node.line)
        guard case .scalar(let text, _) = node.content, !node.isNull else {
            place.report("\(node.shown) is not \(noun); allowed: \(allowed)")
            return nil
        }
        do throws(ScalarProblem) {
            return try parse(ScalarText(text: text, file: place.file))
        } catch {
            let shown = isSecret ? "the value, which is secret," : Shown.quoted(text)
            place.report("\(shown) is not \(error.missing); allowed: \(allowed)")
            return nil
        }
    }

    /// Another format's values, and a word for having none.
    static func optional<Wrapped>(
        _ format: ScalarFormat<Wrapped>, or word: String
    ) -> ScalarFormat where Value == Wrapped? {
        ScalarFormat(noun: format.noun, allowed: "\(format.allowed), or \(word)", isSecret: format.isSecret) {
            text throws(ScalarProblem) in
            text.text == word ? nil : try format.parse(text)
        } show: { value in
            value.map(format.show) ?? word
        }
    }

    /// Another format's values, kept as another type.
    static func mapped<Other>(
        _ format: ScalarFormat<Other>, _ forward: @escaping @Sendable (Other) -> Value,
        back: @escaping @Sendable (Value) -> Other
    ) -> ScalarFormat {
        ScalarFormat(noun: format.noun, allowed: format.allowed, isSecret: format.isSecret) {
            text throws(ScalarProblem) in
            forward(try format.parse(text))
        } show: { value in
            format.show(back(value))
        }
    }
}
