internal import WorkerProtocol

/// What is mapped where: disjoint mappings in ascending order, neighbours that continue each other joined.
struct MappingTable {
    private(set) var mappings: [GPUMapping] = []

    /// Index of the first mapping that ends after an address.
    private func firstIndex(endingAfter address: UInt64) -> Int {
        var low = 0
        var high = mappings.count
        while low < high {
            let middle = (low + high) / 2
            if mappings[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Takes a range out.
    mutating func remove(_ range: Range<UInt64>) {
        replace(range, with: nil)
    }

    /// Puts a mapping in place of what is there.
    mutating func insert(_ mapping: GPUMapping) {
        replace(mapping.address..<mapping.end, with: mapping)
    }

    private mutating func replace(_ range: Range<UInt64>, with mapping: GPUMapping?) {
        var first = firstIndex(endingAfter: range.lowerBound)
        var last = first
        var left: GPUMapping?
        var right: GPUMapping?
        while last < mappings.count, mappings[last].address < range.upperBound {
            let old = mappings[last]
            if old.address < range.lowerBound { left = old.clipped(to: old.address..<range.lowerBound) }
            if old.end > range.upperBound { right = old.clipped(to: range.upperBound..<old.end) }
            last += 1
        }
        guard var middle = mapping else {
            mappings.replaceSubrange(first..<last, with: [left, right].compactMap { $0 })
            return
        }
        if left == nil, first > 0, mappings[first - 1].end == range.lowerBound {
            first -= 1
            left = mappings[first]
        }
        if right == nil, last < mappings.count, mappings[last].address == range.upperBound {
            right = mappings[last]
            last += 1
        }
        if let joined = left?.joined(with: middle) {
            middle = joined
            left = nil
        }
        if let after = right, let joined = middle.joined(with: after) {
            middle = joined
            right = nil
        }
        mappings.replaceSubrange(first..<last, with: [left, middle, right].compactMap { $0 })
    }

    /// The pieces of files that make up a range, in order; the first address that is not mapped for reading if there
    /// is one.
    func pieces(of range: Range<UInt64>) -> (pieces: [GPUMapping], missing: UInt64?) {
        var pieces: [GPUMapping] = []
        var next = range.lowerBound
        var index = firstIndex(endingAfter: next)
        while next < range.upperBound {
            guard index < mappings.count, mappings[index].address <= next,
                !mappings[index].access.isDisjoint(with: .readWrite)
            else { return (pieces, next) }
            let piece = mappings[index].clipped(to: next..<range.upperBound)
            pieces.append(piece)
            next = piece.end
            index += 1
        }
        return (pieces, nil)
    }
}
