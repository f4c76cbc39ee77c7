/// A mention of a page in a comment: `docs/protocol/semantics.md 1.4 and 22`, `docs/protocol/carrier.md, Order`.
struct Citation: CustomStringConvertible {
    /// `Sources/…:line`.
    let place: String
    /// The page's path.
    let page: String
    /// Section numbers, numbers of findings, and words, each of which the page must have.
    let references: [String]

    var description: String { "\(place): \(page)" }

    /// All citations of a file.
    static func all(_ file: SourceFile) -> [Citation] {
        file.lines.indices.filter { file.lines[$0].contains("docs/") }.flatMap { index in
            file.lines[index].matches(of: /docs\/[\w\/-]+\.md/).map { match in
                let rest = file.lines[index][match.range.upperBound...]
                let next = index + 1 < file.lines.count ? commentText(file.lines[index + 1]) : ""
                return Citation(
                    place: "\(file.path):\(index + 1)", page: String(match.output),
                    references: references(in: rest + " " + next))
            }
        }
    }

    private static func commentText(_ line: Substring) -> Substring {
        let text = line.trimmed
        return text.hasPrefix("//") || text.hasPrefix("*") ? text.drop { "/* ".contains($0) } : ""
    }

    /// Numbers that follow the page's name, joined by commas and words, and the words after a comma up to the end of
    /// the clause.
    private static func references(in text: Substring) -> [String] {
        var result: [String] = []
        var rest = text
        while let match = rest.prefixMatch(of: /(?:,? (?:and |to )?|–)(D?\d+(?:\.\d+)*)(?![\w-])/) {
            result.append(String(match.output.1))
            rest = rest[match.range.upperBound...]
        }
        if let match = rest.prefixMatch(of: /, ([A-Za-z][\w ]*[\w-]+)/),
            !result.isEmpty || match.output.1.first?.isUppercase == true
        {
            result.append(String(match.output.1).split(separator: " and ").first.map { String($0.trimmed) } ?? "")
        }
        return result
    }
}

/// What can be cited of a page.
struct Page {
    private let sections: Set<String>
    private let words: Set<Substring>

    init(_ file: SourceFile) {
        var sections: Set<String> = []
        var chapter: Substring?
        for line in file.lines {
            if let match = line.prefixMatch(of: /#+ (\d+(?:\.\d+)*)\b/) {
                sections.insert(String(match.output.1))
                chapter = match.output.1
            } else if let match = line.prefixMatch(of: /(\d+)\.\s/), let chapter {
                // A numbered item of a section.
                sections.insert("\(chapter).\(match.output.1)")
            } else if let match = line.prefixMatch(of: /\| (D\d+) \|/) {
                sections.insert(String(match.output.1))
            }
        }
        self.sections = sections
        words = Set(Words.all(in: file.text.lowercased()))
    }

    /// Whether the page has a section of this number or these words.
    func has(_ reference: String) -> Bool {
        sections.contains(reference)
            || (reference.first?.isNumber != true && words.isSuperset(of: Words.all(in: reference.lowercased())))
    }
}
