/// Finds what somebody probably meant.
enum NearestName {
    /// The name most like `text`, if any is like it: at most one edit in three characters. The first of equals. Nothing
    /// for what begins as a number, where being like another means nothing.
    static func of(_ text: String, in names: [String]) -> String? {
        guard text.utf8.count <= 64, text.first?.isNumber == false else { return nil }
        let text = Array(text.utf8)
        var best: (name: String, distance: Int)?
        for name in names {
            let distance = distance(text, Array(name.utf8))
            if distance <= max(1, name.utf8.count / 3), distance < best?.distance ?? .max { best = (name, distance) }
        }
        return best?.name
    }

    /// Insertions, deletions, replacements and swaps of neighbours that lead from one text to the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let isSame = left[row] == right[column]
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (isSame ? 0 : 1))
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
