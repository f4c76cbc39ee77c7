/// Free ranges of addresses, taken first fit.
struct AddressRanges {
    private var free: [Range<UInt64>]

    init(_ all: Range<UInt64>) { free = [all] }

    /// Takes `length` bytes at a multiple of `alignment` (a power of two).
    mutating func take(_ length: UInt64, alignment: UInt64) -> UInt64? {
        for index in free.indices {
            let range = free[index]
            let start = (range.lowerBound + alignment - 1) & ~(alignment - 1)
            guard start <= range.upperBound, range.upperBound - start >= length else { continue }
            let pieces = [range.lowerBound..<start, start + length..<range.upperBound].filter { !$0.isEmpty }
            free.replaceSubrange(index...index, with: pieces)
            return start
        }
        return nil
    }

    /// Gives back what `take` returned.
    mutating func giveBack(_ start: UInt64, _ length: UInt64) {
        var range = start..<start + length
        var index = free.firstIndex { $0.lowerBound > start } ?? free.endIndex
        if index < free.endIndex, free[index].lowerBound == range.upperBound {
            range = range.lowerBound..<free[index].upperBound
            free.remove(at: index)
        }
        if index > free.startIndex, free[index - 1].upperBound == range.lowerBound {
            index -= 1
            range = free[index].lowerBound..<range.upperBound
            free.remove(at: index)
        }
        free.insert(range, at: index)
    }
}
