/// One value of a YAML document, with the place that messages name.
struct YAMLNode: Hashable, Sendable {
    enum Content: Hashable, Sendable {
        /// Text as written. Quoted text is never `null`.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the file; every key once.
        case mapping([YAMLPair])
    }

    let content: Content
    /// Counted from 1.
    let line: Int

    /// Whether nothing is written here: no text, `~` or `null`.
    var isNull: Bool {
        if case .scalar(let text, isPlain: true) = content {
            text.isEmpty || text == "~" || text == "null"
        } else {
            false
        }
    }

    /// The value as messages show it.
    var shown: String {
        switch content {
        case .scalar where isNull: "nothing"
        case .scalar(let text, _): Shown.quoted(text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// One entry of a mapping.
struct YAMLPair: Hashable, Sendable {
    let key: String
    /// Where the key stands.
    let line: Int
    let value: YAMLNode
}
