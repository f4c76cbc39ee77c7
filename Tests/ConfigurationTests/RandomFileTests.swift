import Testing

@testable import Configuration

/// Files that no one would write: whatever comes, the answer is settings or an error that names the file.
@Suite struct RandomFileTests {
    /// Numbers that are the same at every run.
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    /// Pieces that mean something to YAML or to the decoder.
    private static let pieces = [
        ":", "- ", "[", "]", "{", "}", "&a ", "*a ", "!!str ", "'", "\"", "|\n", ">\n", "? ", "---\n", "...\n",
        "%YAML 1.1\n",
        "\t", "\u{0}", "\u{85}", "\u{feff}", "\\x", "none", "any", "all", "null", "~", "0x", "99999999999999999999",
        "18446744073709551615B", "TiB", "min", "-1", "guests", "limits:\n", "default", "\n", "\n  ", "\n      ", "é",
        "#",
    ]

    private static func mutate(_ text: [UInt8], with random: inout Random) -> [UInt8] {
        var text = text
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let place = Int.random(in: 0...text.count, using: &random)
            let end = min(text.count, place + Int.random(in: 0...40, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0: text.removeSubrange(place..<end)
            case 1: text.insert(contentsOf: Array(pieces.randomElement(using: &random)!.utf8), at: place)
            case 2: text.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 3: text.insert(contentsOf: text[place..<end], at: Int.random(in: 0...text.count, using: &random))
            case 4: text.removeSubrange(end...)
            default: text.replaceSubrange(place..<end, with: pieces.randomElement(using: &random)!.utf8)
            }
            if text.isEmpty { return text }
        }
        return text
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func mutatedFilesNeverTrap(seed: UInt64) throws {
        var random = Random(state: seed)
        let shipped = try Project.text("config/understudy.yaml").split(separator: "\n")
        let everything = shipped.filter { !$0.drop { $0 == " " }.hasPrefix("##") }
            .map { $0.hasPrefix("#") ? $0.dropFirst() : $0 }.joined(separator: "\n")
        var (read, refused) = (0, 0)
        for _ in 0..<300 {
            let text = Self.mutate(Array(everything.utf8), with: &random)
            do throws(ConfigurationError) {
                let settings = try Settings(parsing: text, file: "test.yaml", files: MemoryFiles())
                _ = settings.entries
                _ = settings.modelOptions
                read += 1
            } catch {
                #expect(!error.problems.isEmpty)
                for problem in error.problems {
                    #expect(problem.file == "test.yaml")
                    let text = problem.description
                    #expect(text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }, "\(text)")
                }
                refused += 1
            }
        }
        // Both must have been tried.
        #expect(read > 0)
        #expect(refused > 0)
    }
}
