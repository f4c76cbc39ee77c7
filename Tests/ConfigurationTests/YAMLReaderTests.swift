import Testing

@testable import Configuration

/// The YAML that is read, and how the rest is refused.
@Suite struct YAMLReaderTests {
    private static func read(_ text: String) throws(YAMLError) -> YAMLNode { try YAMLReader.read(Array(text.utf8)) }

    @Test func treeKnowsItsLines() throws {
        let root = try Self.read(
            """
            # first line
            name: one
            list: [a, 'b',
              "c"]
            inner:
              - key: value
                other: ~
              - plain text
            """)
        guard case .mapping(let pairs) = root.content else { return #expect(Bool(false)) }
        #expect(root.line == 2)
        #expect(pairs.map(\.key) == ["name", "list", "inner"])
        #expect(pairs.map(\.line) == [2, 3, 5])
        #expect(
            pairs[1].value.content
                == .sequence([
                    YAMLNode(content: .scalar("a", isPlain: true), line: 3),
                    YAMLNode(content: .scalar("b", isPlain: false), line: 3),
                    YAMLNode(content: .scalar("c", isPlain: false), line: 4),
                ]))
        guard case .sequence(let elements) = pairs[2].value.content else { return #expect(Bool(false)) }
        #expect(elements.map(\.line) == [6, 8])
    }

    @Test(arguments: ["", "\n\n", "# nothing but this\n", "---\n", "---\n...\n", "~", "null", "\u{feff}"])
    func emptyDocumentsAreNull(_ text: String) throws {
        #expect(try Self.read(text).isNull)
    }

    @Test(arguments: ["'null'", "\"\"", "'~'"])
    func quotedTextIsNeverNull(_ text: String) throws {
        #expect(try Self.read(text).isNull == false)
    }

    static let refusals: [(text: String, error: YAMLError)] = [
        (
            "a: 1\nb: [1, 2\n",
            .init(line: 3, path: "", problem: "did not find expected ',' or ']' while parsing a flow sequence")
        ),
        (
            "a: 1\n\tb: 2\n",
            .init(
                line: 2, path: "",
                problem: "found a tab character that violates indentation while scanning a plain scalar")
        ),
        ("a: 1\n b: 2\n", .init(line: 2, path: "", problem: "mapping values are not allowed in this context")),
        (
            "a: 'open\n\n",
            .init(line: 3, path: "", problem: "found unexpected end of stream while scanning a quoted scalar")
        ),
        ("a: 1\nb: \u{1}\n", .init(line: 2, path: "", problem: "control characters are not allowed")),
        ("a: 1\nb:\n  c: 2\n  c: 3\n", .init(line: 4, path: "b.c", problem: "the key is given twice; first in line 3")),
        (
            "a: &x 1\n",
            .init(line: 1, path: "a", problem: "an anchor (&) is not supported; write the value where it is needed")
        ),
        (
            "a: 1\nb: *x\n",
            .init(line: 2, path: "b", problem: "an alias (*) is not supported; write the value where it is needed")
        ),
        (
            "a:\n  - 1\n  - !!int 2\n",
            .init(line: 3, path: "a[1]", problem: "a tag (!) is not supported; write the value without it")
        ),
        ("a: 1\n---\nb: 2\n", .init(line: 2, path: "", problem: "a second document begins; allowed: one")),
        ("? [a]\n: 1\n", .init(line: 1, path: "", problem: "a list is not a key; allowed: text")),
        (
            "a: " + String(repeating: "x", count: 4097),
            .init(line: 1, path: "a", problem: "a value of 4097 bytes is too long; allowed: 4096")
        ),
        (
            String(repeating: "[", count: 17),
            .init(
                line: 1, path: String(repeating: "[0]", count: 16),
                problem: "values lie too deep in each other; allowed: 16 levels")
        ),
        (
            String(repeating: "\n", count: 1 << 20) + "a",
            .init(line: 1_048_577, path: "", problem: "the file has more than 1048576 bytes")
        ),
        (
            String(repeating: "- a\n", count: 1 << 16),
            .init(line: 1 << 16, path: "[65535]", problem: "the file has too many values; allowed: 65536")
        ),
    ]

    @Test(arguments: refusals.indices)
    func refuses(_ index: Int) throws {
        let refusal = Self.refusals[index]
        #expect(throws: refusal.error) { try Self.read(refusal.text) }
    }

    @Test func refusesWhatIsNoUTF8() {
        #expect(throws: YAMLError(line: 2, path: "", problem: "invalid trailing UTF-8 octet")) {
            try YAMLReader.read([0x61, 0x3a, 0x0a, 0xc3, 0x28])
        }
    }

    /// The classic bomb: nine levels of aliases for a billion values.
    @Test func refusesABombAtItsFirstAnchor() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (name, inner) in zip("bcdefghi", "abcdefgh") {
            text += "\(name): &\(name) [\(repeatElement("*\(inner)", count: 9).joined(separator: ", "))]\n"
        }
        #expect(throws: YAMLError.self) { try Self.read(text) }
    }

    @Test func takesWhatIsJustSmallEnough() throws {
        _ = try Self.read(String(repeating: "- a\n", count: (1 << 16) - 1))
        _ = try Self.read(String(repeating: "[", count: 16) + String(repeating: "]", count: 16))
        _ = try Self.read(String(repeating: "\n", count: 1 << 20))
        _ = try Self.read("a: " + String(repeating: "x", count: 4096))
    }
}
