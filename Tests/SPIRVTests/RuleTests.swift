import Testing

@testable import SPIRV

@Suite("Rules")
struct RuleTests {
    @Test("The modules that the cases start from break none", arguments: [SoundModule.kernel, SoundModule.shader])
    func sound(_ text: String) throws {
        #expect(throws: Never.self) { try Module(words: try Assembler.assemble(text)) }
    }

    @Test("A module that breaks a rule is refused for it, where it does", arguments: ReadingRules.all)
    func reading(_ row: RuleCase) throws {
        let error = try #require(throws: ModuleError.self) { try Module(words: row.words, limits: row.limits) }
        #expect(error.rule == row.rule, "\(error)")
        if let place = row.place { #expect(error.wordOffset == place, "\(error)") }
        #expect(error.wordOffset >= 0 && error.wordOffset <= row.words.count)
    }

    @Test("Bytes that are no whole words, or too many, are refused")
    func bytes() throws {
        let error = try #require(throws: ModuleError.self) { try Module(bytes: [3, 2, 0x23, 7, 0]) }
        #expect(error == ModuleError(.wholeWords, "5 bytes", at: 1))
        var limits = Limits()
        limits.words = 5
        let bytes = [UInt8](repeating: 0, count: 24)
        let other = try #require(throws: ModuleError.self) { try Module(bytes: bytes, limits: limits) }
        #expect(other.rule == .tooManyWords)
    }

    @Test("Every rule has a module that breaks it")
    func complete() {
        let covered = Set(ReadingRules.all.map(\.rule)).union([.wholeWords]).union(ConstantTests.rules)
        #expect(Rule.allCases.filter { !covered.contains($0) }.map(\.rawValue) == [])
    }

    @Test("What a rule's error says holds no text of the module's")
    func text() {
        #expect(Set(Rule.allCases.map(\.text)).count == Rule.allCases.count)
        let error = ModuleError(.idBound, "7 of 5 in OpLoad", at: 12)
        #expect(error.description == "word 12: malformed: an ID is not below the bound: 7 of 5 in OpLoad")
    }
}
