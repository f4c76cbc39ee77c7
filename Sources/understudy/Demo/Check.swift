/// Comparison of results, element by element.
enum Check {
    /// Whoever calls has chosen numbers for which any order of operations gives the same floats.
    static func equal(_ found: [Float], _ expected: [Float], _ what: String) throws {
        guard found.count == expected.count else { throw DemoError.wrongResult("\(what): \(found.count) elements") }
        for index in found.indices where found[index] != expected[index] {
            throw DemoError.wrongResult("\(what)[\(index)] is \(found[index]), not \(expected[index])")
        }
    }
}
