import Testing

@Suite("Citations of the project's pages")
struct CitationTests {
    /// Comments of code that name a page, with what follows on the same and the next lines.
    static let citations: [Citation] = SourceTree.files.filter { file in
        [".swift", ".c", ".h"].contains { file.path.hasSuffix($0) } && !file.path.hasPrefix("Tests/TidyTests/")
    }.flatMap(Citation.all)

    @Test("There are citations")
    func some() { #expect(Self.citations.count > 50) }

    @Test("A cited page exists")
    func pages() {
        #expect(Self.citations.filter { !SourceTree.exists($0.page) }.map(\.description) == [])
    }

    @Test("A cited section exists, and so do the words that narrow it down")
    func sections() {
        var pages: [String: Page] = [:]
        for file in SourceTree.pages { pages[file.path] = Page(file) }
        let wrong = Self.citations.flatMap { citation in
            pages[citation.page].map { page in
                citation.references.filter { !page.has($0) }.map { "\(citation): \($0)" }
            } ?? []
        }
        #expect(wrong == [])
    }
}
