/// The parts of the IO space that a guest watches: separate ranges in ascending order, neighbours joined.
struct WatchedRanges: Sendable {
    private(set) var ranges: [Range<UInt64>] = []

    /// Watches a range.
    mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        var joined = range
        // Neighbours that only touch are joined too.
        let first = firstIndex { $0.upperBound >= range.lowerBound }
        var end = first
        while end < ranges.count, ranges[end].lowerBound <= range.upperBound {
            joined = min(joined.lowerBound, ranges[end].lowerBound)..<max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: CollectionOfOne(joined))
    }

    /// Watches a range no longer.
    mutating func remove(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        let first = firstIndex { $0.upperBound > range.lowerBound }
        var end = first
        var rest: [Range<UInt64>] = []
        while end < ranges.count, ranges[end].lowerBound < range.upperBound {
            let old = ranges[end]
            if old.lowerBound < range.lowerBound { rest.append(old.lowerBound..<range.lowerBound) }
            if old.upperBound > range.upperBound { rest.append(range.upperBound..<old.upperBound) }
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: rest)
    }

    /// Calls `body` with each watched part of a range, in order.
    func forEachPart(of range: Range<UInt64>, _ body: (Range<UInt64>) -> Void) {
        var index = firstIndex { $0.upperBound > range.lowerBound }
        while index < ranges.count, ranges[index].lowerBound < range.upperBound {
            body(ranges[index].clamped(to: range))
            index += 1
        }
    }

    /// The first range that satisfies a condition which holds for all that follow it.
    private func firstIndex(where condition: (Range<UInt64>) -> Bool) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if condition(ranges[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
