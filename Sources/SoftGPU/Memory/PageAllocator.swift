import DequeModule

/// Hands out page-aligned ranges of a file and takes them back.
///
/// Freed ranges wait in a queue before they are handed out again, because a guest may hold a mapping of a page for a
/// moment after the host has let go of it (docs/protocol/semantics.md 1.10, late recycling).
struct PageAllocator {
    /// Bytes that can be handed out in all.
    let capacity: UInt64
    /// Bytes that are handed out.
    private(set) var used: UInt64 = 0

    private let lateness: Int
    private var taken = RangeMap<Void>()
    private var waiting: Deque<UInt64> = []
    private var cursor: UInt64 = 0

    /// An allocator of `capacity` bytes, a multiple of 4096, in which freed ranges wait until `lateness` others have
    /// been freed after them, or until there is nothing else.
    init(capacity: UInt64, lateness: Int) {
        self.capacity = capacity
        self.lateness = lateness
    }

    /// A range of `length` bytes, a multiple of 4096, that ends at `limit` or before, or nil where none is free.
    mutating func allocate(_ length: UInt64, alignment: UInt64 = pageSize, below limit: UInt64 = .max) -> UInt64? {
        precondition(length > 0 && length.isMultiple(ofPowerOfTwo: pageSize), "not whole pages")
        let end = min(limit, capacity)
        guard length <= capacity - used else { return nil }
        var found = gap(length, alignment, end)
        while found == nil, let oldest = waiting.popFirst() {
            recycle(oldest)
            found = gap(length, alignment, end)
        }
        guard let start = found else { return nil }
        taken.insert(start, start + length, ())
        cursor = start + length
        used += length
        return start
    }

    /// Takes back a range that ``allocate(_:alignment:)`` gave.
    mutating func free(_ start: UInt64) {
        guard let entry = taken.entry(containing: start), entry.start == start else {
            preconditionFailure("a range that was not handed out")
        }
        used -= entry.length
        waiting.append(start)
        if waiting.count > lateness, let oldest = waiting.popFirst() { recycle(oldest) }
    }

    private mutating func recycle(_ start: UInt64) {
        guard taken.removeEntry(startingAt: start) != nil else { preconditionFailure("a range freed twice") }
    }

    /// Next fit: the search goes on behind the last range handed out, so that it is short in the usual case.
    private func gap(_ length: UInt64, _ alignment: UInt64, _ end: UInt64) -> UInt64? {
        taken.firstGap(length: length, alignment: alignment, lower: cursor, upper: end)
            ?? taken.firstGap(length: length, alignment: alignment, lower: 0, upper: end)
    }
}
