/// The declarations of a Swift file, found line by line: one that swift format has laid out.
struct Declarations {
    /// The names of the project's own types, which say what they are.
    static let typeNames: Set<Substring> = Set(
        SourceTree.swiftFiles.filter { $0.target != nil }.flatMap { file in
            (file.isGenerated ? file.lines.map(String.init) : file.code).compactMap { line in
                if file.isGenerated, !line.hasPrefix("public ") { return nil }
                let words = Words.all(in: line)
                let types: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias"]
                return words.firstIndex { types.contains($0) }.flatMap { words.dropFirst($0 + 1).first }
            }
        })

    /// The project's public protocols, and the names of all that they ask for, which say there what they are.
    private static let protocols: (names: Set<Substring>, requirements: Set<Substring>) = {
        var names: Set<Substring> = []
        var requirements: Set<Substring> = []
        for file in SourceTree.swiftFiles where file.target != nil {
            var isInside = false
            for (index, line) in file.code.enumerated() {
                if line.hasPrefix("public protocol ") {
                    isInside = true
                    names.formUnion(Words.all(in: line).dropFirst(2).prefix(1))
                } else if line.hasPrefix("}") {
                    isInside = false
                } else if isInside, let requirement = Declaration(file, index) {
                    requirements.insert(requirement.name)
                }
            }
        }
        return (names, requirements)
    }()

    private(set) var all: [Declaration] = []

    /// What an open brace belongs to.
    private enum Scope {
        case publicProtocol
        /// An extension that makes a type conform.
        case conformance
        /// A type that conforms to a protocol of the project's, or an extension of such a protocol.
        case conformer
        case other
    }

    init(_ file: SourceFile) {
        var scopes: [Scope] = []
        for (index, line) in file.code.enumerated() {
            if var declaration = Declaration(file, index) {
                switch scopes.last {
                case .publicProtocol: declaration.isPublic = true
                case .conformer: declaration.isRequirement = Self.protocols.requirements.contains(declaration.name)
                default: break
                }
                declaration.isInConformance = scopes.contains(.conformance)
                all.append(declaration)
            }
            var opened = Self.scope(line)
            for character in line {
                if character == "{" {
                    scopes.append(opened)
                    opened = .other
                } else if character == "}" {
                    _ = scopes.popLast()
                }
            }
        }
    }

    /// What a brace belongs to that a line opens.
    private static func scope(_ line: String) -> Scope {
        let words = Words.all(in: line.prefix { $0 != "{" })
        if words.contains("protocol") { return words.contains("public") ? .publicProtocol : .other }
        if words.first == "extension", line.contains(":") { return .conformance }
        let types: Set<Substring> = ["struct", "class", "enum", "extension"]
        return !types.isDisjoint(with: words) && !protocols.names.isDisjoint(with: words) ? .conformer : .other
    }
}

/// A declaration that begins on a line.
struct Declaration {
    /// Index into the file's lines.
    let line: Int
    var isPublic: Bool
    var isInConformance = false
    /// Whether it provides what a protocol of the project's asks for.
    var isRequirement = false
    let isDocumented: Bool
    private let words: [Substring]
    private let text: String
    private let file: SourceFile

    private static let introducers: Set<Substring> = [
        "func", "var", "let", "init", "subscript", "struct", "class", "enum", "protocol", "typealias",
    ]
    private static let modifiers: Set<Substring> = [
        "public", "package", "static", "final", "mutating", "nonmutating", "consuming", "borrowing", "override",
        "indirect", "weak", "unowned", "private", "set", "internal", "convenience", "required", "lazy", "nonisolated",
        "unsafe", "prefix", "postfix", "infix", "inlinable", "inline", "always", "discardableResult", "safe", "frozen",
    ]

    /// Nothing if no declaration begins on the line.
    init?(_ file: SourceFile, _ index: Int) {
        let words = Words.all(in: file.code[index])
        let rest = words.drop { Self.modifiers.contains($0) }
        guard let introducer = rest.first, Self.introducers.contains(introducer) else { return nil }
        line = index
        text = file.code[index]
        self.words = Array(rest)
        isPublic = words.prefix { !Self.introducers.contains($0) }.contains("public")
        var above = index - 1
        while above >= 0, Self.isAttribute(file.lines[above]) { above -= 1 }
        isDocumented = above >= 0 && file.lines[above].drop { $0 == " " }.hasPrefix("///")
        self.file = file
    }

    var name: Substring { words.count > 1 ? words[1] : words[0] }

    /// Whether the name and its place say all there is: what a protocol of the standard library or a delegate's asks
    /// for, operators, named numbers, predicates, properties of a type that says what it is, and initialisers that only
    /// assign their parameters. Other numbers and text have to tell their meaning and unit.
    var needsNoWords: Bool {
        if isInConformance || isRequirement || isPlainInitializer || isNamedNumber || isOfKnownType || isPredicate {
            return true
        }
        guard words.count > 1 else { return text.contains("func ") }
        return switch (words[0], words[1]) {
        case ("var", "description"), ("var", "customMirror"), ("let", "rawValue"), ("func", "hash"): true
        case ("var", "count"), ("var", "isEmpty"), ("var", "indices"): true
        case ("typealias", "RawValue"), ("typealias", "Element"), ("typealias", "Index"): true
        case ("init", "rawValue"): true
        // An operator has no word for a name.
        case ("func", "lhs"), ("func", "left"), ("func", "a"): true
        default: false
        }
    }

    /// A constant of an open enumeration: its name is the field's own term, and its number stands beside it.
    private var isNamedNumber: Bool { text.contains(/static let \w+ = \w+\(rawValue: \w+\)/) }

    private var isOfKnownType: Bool {
        guard words[0] == "let" || words[0] == "var" else { return false }
        let type = text.firstMatch(of: /(?:let|var) \w+: \[?(?:any )?(?:\w+\.)?(\w+)/)?.output.1
        let start = text.firstMatch(of: /(?:let|var) \w+ = (\w+)/)?.output.1
        return (type ?? start).map { Declarations.typeNames.contains($0) } ?? false
    }

    /// A truth value with a name that can only be read in one way.
    private var isPredicate: Bool { text.contains(/(?:let|var) (?:is|has|needs)[A-Z]\w*: Bool/) }

    private static func isAttribute(_ line: Substring) -> Bool {
        line.drop { $0 == " " }.hasPrefix("@") && !Words.all(in: line).contains { introducers.contains($0) }
    }

    /// Whether all statements of its body hand a parameter or a literal to a property.
    private var isPlainInitializer: Bool {
        guard words[0] == "init" else { return false }
        var depth = 0
        var isOpen = false
        var body = ""
        for line in file.code[line...].prefix(40) {
            for character in line {
                if character == "}" { depth -= 1 }
                if isOpen, depth == 0, character == "}" { return Self.isAssignments(body) }
                if isOpen, depth > 0 { body.append(character) }
                if character == "{" {
                    depth += 1
                    isOpen = true
                }
            }
            body.append("\n")
        }
        return false
    }

    private static func isAssignments(_ body: String) -> Bool {
        body.split(whereSeparator: { $0 == "\n" || $0 == ";" }).allSatisfy { line in
            let statement = line.trimmed
            return statement.isEmpty || statement.wholeMatch(of: /(self\.)?\w+ = [\w.]+/) != nil
        }
    }
}

extension StringProtocol {
    /// Without blanks at both ends.
    var trimmed: Substring {
        var text = self[...]
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return Substring(text)
    }
}
