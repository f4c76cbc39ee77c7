import Testing

@Suite("Files")
struct FileTests {
    static let maximumLines = 600
    static let maximumColumns = 120

    /// Source in any of the languages; the pages and scripts are free in their width.
    static let sources = SourceTree.files.filter { file in
        let folders = ["Sources/", "Tests/", "Fuzz/", "Kernels/", "Benchmarks/"]
        return file.path == "Package.swift"
            || folders.contains { file.path.hasPrefix($0) } && !file.path.hasSuffix(".md")
    }

    @Test("The tree was found")
    func treeIsThere() {
        #expect(SourceTree.file("Package.swift") != nil)
        #expect(SourceTree.file("README.md") != nil)
        #expect(Self.sources.count > 100)
    }

    @Test("A file can be read in one sitting")
    func length() {
        let long = Self.sources.filter { !$0.isGenerated && $0.lines.count > Self.maximumLines + 1 }
        #expect(long.map { "\($0.path): \($0.lines.count - 1) lines" } == [])
    }

    @Test("No line is wider than a page")
    func width() {
        let wide = Self.sources.filter { !$0.isGenerated }.flatMap { file in
            file.lines.indices.filter { index in
                let line = file.lines[index]
                return line.utf8.count > Self.maximumColumns && line.count > Self.maximumColumns
                    && !Self.isLiteral(file, index)
            }.map { file.place($0, file.lines[$0]) }
        }
        #expect(wide == [])
    }

    /// Whether a line begins with a literal or is part of one, which cannot be shorter than what it says.
    private static func isLiteral(_ file: SourceFile, _ index: Int) -> Bool {
        let text = file.lines[index].trimmed
        if text.hasPrefix("\"") { return true }
        return file.code.indices.contains(index) && file.code[index].trimmed.isEmpty && !text.hasPrefix("//")
    }

    @Test("Nothing is left for later")
    func leftovers() {
        // In pieces, so that this file does not find itself.
        let marks: Set<Substring> = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
        let found = SourceTree.files.flatMap { file in
            file.places { line in !marks.isDisjoint(with: Words.all(in: line)) }
        }
        #expect(found == [])
        #expect(SourceTree.files.map(\.path).filter { $0.hasSuffix("Place" + "holder.swift") } == [])
    }

    @Test("Nothing names the folders of one machine")
    func machinePaths() {
        let folders = [
            "/tmp/" + "wt", "/work/" + "main", "/work/" + "shared", "/tmp/" + "notes", "/opt/" + "swift",
            "/Use" + "rs/",
        ]
        let found = SourceTree.files.flatMap { file in
            file.places { line in folders.contains { line.contains($0) } || Self.namesAHome(line) }
        }
        #expect(found == [])
    }

    /// A path into somebody's home; a bare `/home/` is none.
    private static func namesAHome(_ line: Substring) -> Bool {
        guard let home = line.firstRange(of: "/home" + "/") else { return false }
        return line[home.upperBound...].first.map { $0.isLetter } ?? false
    }

    @Test("Text ends with one line end and no line with blanks")
    func whitespace() {
        let wrong = SourceTree.files.filter { !$0.isGenerated }.flatMap { file in
            let trailing = file.places { $0.last == " " || $0.last == "\t" }
            let isEnded = file.text.isEmpty || (file.text.hasSuffix("\n") && !file.text.hasSuffix("\n\n"))
            return trailing + (isEnded ? [] : ["\(file.path): its end"])
        }
        #expect(wrong == [])
    }
}
