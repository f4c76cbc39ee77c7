/// The guest's own pages behind an allocation (docs/protocol/semantics.md 10, SETEXISTINGSYSMEMPAGES).
final class GuestPages {
    let id: GuestPagesID
    /// Page frame numbers, ``unknownFrame`` where the guest has not told them yet.
    private(set) var frames: [UInt64]
    private var missing: Int
    /// Where the bytes are while they are here: over a carrier without shared memory.
    let shadow: MemorySpan?
    /// Where the guest's memory is mapped from: over a carrier with shared memory.
    private let regions: [GuestMemoryRegion]

    static let unknownFrame = UInt64.max

    init(id: GuestPagesID, count: Int, shadow: MemorySpan?, regions: [GuestMemoryRegion]) {
        self.id = id
        frames = Array(repeating: Self.unknownFrame, count: count)
        missing = count
        self.shadow = shadow
        self.regions = regions
    }

    var isComplete: Bool { missing == 0 }

    /// Whether a page of the guest may be named: any, as far as the host can tell, where no memory is shared.
    func isPlausible(frame: UInt64) -> Bool {
        guard frame < 1 << 52 else { return false }
        return shadow != nil || region(of: frame) != nil
    }

    func set(frame: UInt64, at index: Int) {
        if frames[index] == Self.unknownFrame { missing -= 1 }
        frames[index] = frame
    }

    private func region(of frame: UInt64) -> (index: Int, offset: UInt64)? {
        let address = frame * pageSize
        for (index, region) in regions.enumerated()
        where address >= region.base && region.length >= pageSize && address - region.base <= region.length - pageSize {
            return (index, address - region.base)
        }
        return nil
    }

    /// The spans of files that `offset..<offset + length` lies in, in order; empty while pages are missing.
    func spans(offset: UInt64, length: UInt64) -> [MemorySpan] {
        guard isComplete else { return [] }
        if let shadow { return [MemorySpan(file: shadow.file, offset: shadow.offset + offset, length: length)] }
        var result: [MemorySpan] = []
        for frame in frames[Int(offset / pageSize)..<Int((offset + length) / pageSize)] {
            guard let place = region(of: frame) else { return [] }
            let file = MemoryFile.guestMemory(region: place.index)
            if let last = result.last, last.file == file, last.offset + last.length == place.offset {
                result[result.count - 1] = MemorySpan(file: file, offset: last.offset, length: last.length + pageSize)
            } else {
                result.append(MemorySpan(file: file, offset: place.offset, length: pageSize))
            }
        }
        return result
    }

    /// How many runs of neighbouring pages a range has, at the most.
    func runs(offset: UInt64, length: UInt64) -> Int {
        var runs = 0
        var expected: UInt64?
        for frame in frames[Int(offset / pageSize)..<Int((offset + length) / pageSize)] {
            if frame != expected { runs += 1 }
            expected = frame &+ 1
        }
        return runs
    }
}
