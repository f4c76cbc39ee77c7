import Testing

@Suite("Pages")
struct PageTests {
    @Test("A link inside the project leads to something")
    func links() {
        let broken = SourceTree.pages.flatMap { page in
            let folder = page.path.split(separator: "/").dropLast().joined(separator: "/")
            return page.text.matches(of: /\]\(([^)#\s]+)(?:#[^)\s]*)?\)/).map { String($0.output.1) }
                .filter { !$0.contains("://") && !$0.hasPrefix("mailto:") }
                .filter { !SourceTree.exists(Self.resolve($0, in: folder)) }
                .map { "\(page.path): \($0)" }
        }
        #expect(broken == [])
    }

    @Test("A script that a page tells to run is there and can be run")
    func scripts() {
        let named = (SourceTree.pages + SourceTree.files.filter { $0.path.hasPrefix(".ci/") }).flatMap { page in
            page.text.matches(of: /(?:^|[^\w\/])(scripts\/[\w-]+|\.ci\/run)/).map { String($0.output.1) }
        }
        #expect(named.contains("scripts/test"))
        #expect(Set(named).filter { !SourceTree.isExecutable($0) }.sorted() == [])
    }

    @Test("Every script can be run and is named on a page")
    func scriptsAreKnown() {
        let scripts = SourceTree.files.map(\.path).filter { $0.hasPrefix("scripts/") || $0.hasPrefix(".ci/") }
        #expect(scripts.filter { !SourceTree.isExecutable($0) } == [])
        let unknown = scripts.filter { script in !SourceTree.pages.contains { $0.text.contains(script) } }
        #expect(unknown == [])
    }

    @Test("A subcommand that a page shows is one of the program's")
    func subcommands() throws {
        let program = try #require(SourceTree.file("Sources/understudy/Understudy.swift"))
        let list = try #require(program.text.firstMatch(of: /subcommands: \[([^\]]*)\]/))
        let commands = Set(list.output.1.matches(of: /(\w+)\.self/).map { $0.output.1.lowercased() } + ["help"])
        let shown = SourceTree.pages.flatMap { page in
            page.text.matches(of: /(?:^|\n|`|bin\/)understudy ([a-z][a-z-]+)/).map { "\($0.output.1)" }
        }
        #expect(shown.contains("serve"))
        #expect(Set(shown).subtracting(commands).sorted() == [])
    }

    /// A path from a page's folder.
    private static func resolve(_ link: String, in folder: String) -> String {
        var parts = folder.isEmpty ? [] : folder.split(separator: "/")
        for part in link.split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(part) }
        }
        return parts.joined(separator: "/")
    }
}
