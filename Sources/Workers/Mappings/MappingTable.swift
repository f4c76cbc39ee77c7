internal import WorkerProtocol

/// What is mapped where: disjoint mappings in ascending order, neighbours that continue each other joined.
///
/// Kept in runs of some hundred, so that a change moves few of them however many there are.
struct MappingTable {
    private static let longestRun = 512

    /// Ascending, none empty.
    private var runs: [MappingRun] = []
    private(set) var count = 0

    /// All of them, in order.
    var mappings: [GPUMapping] { runs.flatMap(\.mappings) }

    /// Takes a range out.
    mutating func remove(_ range: Range<UInt64>) {
        replace(range, with: nil)
    }

    /// Puts a mapping in place of what is there.
    mutating func insert(_ mapping: GPUMapping) {
        replace(mapping.address..<mapping.end, with: mapping)
    }

    /// The pieces of files that make up a range, in order; the first address where no file is mapped for reading if
    /// there is one.
    func pieces(of range: Range<UInt64>) -> (pieces: [GPUMapping], missing: UInt64?) {
        var pieces: [GPUMapping] = []
        var next = range.lowerBound
        for run in runs[touched(by: range)] {
            for mapping in run.mappings[run.firstIndex(endingAfter: next)...] where next < range.upperBound {
                guard mapping.address <= next, mapping.file != GPUMapping.zeros,
                    !mapping.access.isDisjoint(with: .readWrite)
                else {
                    return (pieces, next)
                }
                let piece = mapping.clipped(to: next..<range.upperBound)
                pieces.append(piece)
                next = piece.end
            }
        }
        return (pieces, next < range.upperBound ? next : nil)
    }

    private mutating func replace(_ range: Range<UInt64>, with mapping: GPUMapping?) {
        let touched = touched(by: range)
        if touched.count != 1 {
            let all = runs[touched].flatMap(\.mappings)
            runs.replaceSubrange(touched, with: CollectionOfOne(MappingRun(mappings: all)))
        }
        let index = touched.lowerBound
        count -= runs[index].mappings.count
        runs[index].replace(range, with: mapping)
        let length = runs[index].mappings.count
        count += length
        if length == 0 || length > MappingTable.longestRun {
            runs.replaceSubrange(index...index, with: runs[index].pieces(ofAtMost: MappingTable.longestRun))
        }
    }

    /// The runs that hold what a range overlaps, and its neighbours on both sides.
    private func touched(by range: Range<UInt64>) -> Range<Int> {
        let end = firstRun(startingAfter: range.upperBound)
        return max(0, firstRun(startingAfter: range.lowerBound) - 1)..<end
    }

    private func firstRun(startingAfter address: UInt64) -> Int {
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].start > address { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// Some mappings that follow each other.
private struct MappingRun {
    var mappings: [GPUMapping]

    var start: UInt64 { mappings.first?.address ?? 0 }

    /// Index of the first mapping that ends after an address.
    func firstIndex(endingAfter address: UInt64) -> Int {
        var low = 0
        var high = mappings.count
        while low < high {
            let middle = (low + high) / 2
            if mappings[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }

    mutating func replace(_ range: Range<UInt64>, with mapping: GPUMapping?) {
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

    /// The same in runs of a bounded length: halves, so that each has room to grow.
    func pieces(ofAtMost longest: Int) -> [MappingRun] {
        if mappings.isEmpty { return [] }
        if mappings.count <= longest { return [self] }
        return stride(from: 0, to: mappings.count, by: longest / 2).map { start in
            MappingRun(mappings: Array(mappings[start..<min(mappings.count, start + longest / 2)]))
        }
    }
}
