import Testing

@Suite("Documentation of public declarations")
struct DocumentationTests {
    @Test("Every public declaration says what it is")
    func publicDeclarations() {
        let files = SourceTree.swiftFiles.filter { $0.path.hasPrefix("Sources/") && !$0.isGenerated }
        let silent = files.flatMap { file in
            Declarations(file).all.filter { $0.isPublic && !$0.isDocumented && !$0.needsNoWords }
                .map { file.place($0.line, file.lines[$0.line]) }
        }
        #expect(silent == [])
    }
}
