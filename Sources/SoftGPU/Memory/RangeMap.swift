/// Disjoint half-open ranges of 64-bit numbers, each with a value, in ascending order.
///
/// A sorted array: lookups are binary searches, and the usual insertion at the end moves nothing.
struct RangeMap<Value> {
    struct Entry {
        let start: UInt64
        let end: UInt64
        var value: Value

        var length: UInt64 { end - start }
    }

    private(set) var entries: [Entry] = []

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    /// The index of the first entry that ends beyond `position`.
    func firstIndex(endingAfter position: UInt64) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].end > position { high = middle } else { low = middle + 1 }
        }
        return low
    }

    func entry(containing position: UInt64) -> Entry? {
        let index = firstIndex(endingAfter: position)
        guard index < entries.count, entries[index].start <= position else { return nil }
        return entries[index]
    }

    /// The entry that covers all of `start..<end`.
    func entry(covering start: UInt64, _ end: UInt64) -> Entry? {
        guard let found = entry(containing: start), found.end >= end else { return nil }
        return found
    }

    /// All entries that share a number with `start..<end`.
    func overlapping(_ start: UInt64, _ end: UInt64) -> ArraySlice<Entry> {
        let first = firstIndex(endingAfter: start)
        var last = first
        while last < entries.count, entries[last].start < end { last += 1 }
        return entries[first..<last]
    }

    func isFree(_ start: UInt64, _ end: UInt64) -> Bool {
        let index = firstIndex(endingAfter: start)
        return index == entries.count || entries[index].start >= end
    }

    /// Adds a range that overlaps none.
    mutating func insert(_ start: UInt64, _ end: UInt64, _ value: Value) {
        precondition(start < end, "an empty range")
        let index = firstIndex(endingAfter: start)
        precondition(index == entries.count || entries[index].start >= end, "ranges overlap")
        entries.insert(Entry(start: start, end: end, value: value), at: index)
    }

    mutating func removeEntry(startingAt start: UInt64) -> Entry? {
        let index = firstIndex(endingAfter: start)
        guard index < entries.count, entries[index].start == start else { return nil }
        return entries.remove(at: index)
    }

    mutating func replaceValue(startingAt start: UInt64, with value: Value) {
        let index = firstIndex(endingAfter: start)
        precondition(index < entries.count && entries[index].start == start, "no such range")
        entries[index].value = value
    }

    /// Removes `start..<end`, cutting the entries that reach beyond it: `slice(value, distance)` gives the value of
    /// the part that begins `distance` into an entry. Returns the whole entries as they were.
    mutating func carve(_ start: UInt64, _ end: UInt64, slice: (Value, UInt64) -> Value) -> [Entry] {
        let first = firstIndex(endingAfter: start)
        var last = first
        var kept: [Entry] = []
        while last < entries.count, entries[last].start < end {
            let entry = entries[last]
            if entry.start < start { kept.append(Entry(start: entry.start, end: start, value: entry.value)) }
            if entry.end > end {
                kept.append(Entry(start: end, end: entry.end, value: slice(entry.value, end - entry.start)))
            }
            last += 1
        }
        let removed = Array(entries[first..<last])
        entries.replaceSubrange(first..<last, with: kept)
        return removed
    }

    /// The lowest free range of `length` numbers inside `lower..<upper` that starts at a multiple of `alignment`.
    func firstGap(length: UInt64, alignment: UInt64, lower: UInt64, upper: UInt64) -> UInt64? {
        guard lower < upper, length <= upper - lower else { return nil }
        guard var candidate = lower.roundedUp(to: alignment) else { return nil }
        var index = firstIndex(endingAfter: candidate)
        while candidate <= upper - length {
            guard index < entries.count, entries[index].start < candidate + length else { return candidate }
            guard let next = entries[index].end.roundedUp(to: alignment) else { return nil }
            candidate = max(candidate, next)
            index += 1
        }
        return nil
    }
}

extension UInt64 {
    /// This number, or the next one up that is a multiple of a power of two; nil where that does not fit.
    func roundedUp(to alignment: UInt64) -> UInt64? {
        let (sum, overflow) = addingReportingOverflow(alignment - 1)
        return overflow ? nil : sum & ~(alignment - 1)
    }

    func isMultiple(ofPowerOfTwo alignment: UInt64) -> Bool { self & (alignment - 1) == 0 }
}

/// Bytes of a page, on the guest and here.
let pageSize: UInt64 = 4096
