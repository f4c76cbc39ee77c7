internal import Glibc
public import Linux

/// A piece of a guest's memory that the guest shares by descriptor.
///
/// The file stays the guest's: it may shorten it at any time, so the host reads and writes it by call and never maps
/// it. It is memory for certain (tmpfs or hugetlbfs), so no call on it waits for anything that the guest controls.
public final class SharedRegion: Sendable {
    /// Where the piece is in the guest's memory and in the file.
    public let region: MemoryRegion
    /// The file, open for reading and writing.
    public let file: FileDescriptor

    /// Checks what a guest says about a file.
    init(_ region: MemoryRegion, index: Int, file: consuming FileDescriptor) throws(CarrierViolation) {
        func require(_ condition: Bool, _ problem: @autoclosure () -> String) throws(CarrierViolation) {
            if !condition { throw .region(index: index, problem()) }
        }
        try require(region.bytes > 0, "no bytes")
        for (name, value) in [("base", region.base), ("size", region.bytes), ("file offset", region.fileOffset)] {
            try require(value % 4096 == 0, "\(name) \(value) is not a multiple of 4096")
        }
        let (_, baseOverflow) = region.base.addingReportingOverflow(region.bytes)
        let (fileEnd, fileOverflow) = region.fileOffset.addingReportingOverflow(region.bytes)
        try require(!baseOverflow, "\(region.bytes) bytes at \(region.base) end beyond 2^64")
        try require(!fileOverflow, "\(region.bytes) bytes at file offset \(region.fileOffset) end beyond 2^64")
        let bytes: UInt64
        let isReadWrite: Bool
        do throws(SystemError) {
            let memory = try SharedMemory(adopting: try file.duplicate())
            // Only files in memory have seals to ask for.
            _ = try memory.seals()
            bytes = memory.bytes
            isReadWrite = try file.isReadWrite()
        } catch {
            throw .region(index: index, "\(error)")
        }
        try require(isReadWrite, "the file is not open for reading and writing")
        try require(fileEnd <= bytes, "the file has \(bytes) bytes; the region ends at \(fileEnd)")
        self.region = region
        self.file = file
    }

    /// The first address behind it.
    var end: UInt64 { region.base + region.bytes }
}

/// All pieces of one guest's memory that it shares.
public struct SharedGuestMemory: Sendable {
    /// A run of bytes in one file.
    public struct Segment: Sendable {
        public let region: SharedRegion
        /// Where the run begins in the region's file, in bytes.
        public let fileOffset: UInt64
        /// The run's length.
        public let bytes: UInt64
    }

    /// The pieces in ascending order of address.
    public private(set) var regions: [SharedRegion] = []

    /// Memory without any piece.
    public init() {}

    /// Adds pieces, unless one lies over another. Their numbers in SHARE_MEMORY are those in the array.
    mutating func add(_ new: [SharedRegion], limit: Int) throws(CarrierViolation) {
        guard regions.count + new.count <= limit else { throw .limit("memory regions", limit: limit) }
        for (index, region) in new.enumerated() {
            let place = firstIndex(endingAfter: region.region.base)
            if place < regions.count, regions[place].region.base < region.end {
                throw .region(
                    index: index,
                    "it lies over the region at \(regions[place].region.base) of \(regions[place].region.bytes) bytes")
            }
            regions.insert(region, at: place)
        }
    }

    /// Where a range of addresses is, in order; nothing if a part of it is not shared.
    public func segments(address: UInt64, bytes: UInt64) -> [Segment]? {
        guard !address.addingReportingOverflow(bytes).overflow else { return nil }
        var result: [Segment] = []
        var address = address
        var left = bytes
        var index = firstIndex(endingAfter: address)
        while left > 0 {
            guard index < regions.count, regions[index].region.base <= address else { return nil }
            let shared = regions[index]
            let step = min(left, shared.end - address)
            result.append(
                Segment(
                    region: shared, fileOffset: shared.region.fileOffset + (address - shared.region.base), bytes: step))
            address += step
            left -= step
            index += 1
        }
        return result
    }

    /// Copies out of the guest's memory. EFAULT for an address that is not shared, ENXIO for one whose file has become
    /// too short.
    public func read(address: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        guard let segments = segments(address: address, bytes: UInt64(count)) else {
            throw SystemError(code: EFAULT, operation: "read \(count) bytes of guest memory at \(address)")
        }
        if segments.count == 1 { return try segments[0].region.file.read(at: segments[0].fileOffset, count: count) }
        var result: [UInt8] = []
        result.reserveCapacity(count)
        for segment in segments {
            result += try segment.region.file.read(at: segment.fileOffset, count: Int(segment.bytes))
        }
        return result
    }

    /// Copies into the guest's memory; errors as for reading, before anything is changed if the address is wrong.
    public func write(address: UInt64, _ bytes: RawSpan) throws(SystemError) {
        guard let segments = segments(address: address, bytes: UInt64(bytes.byteCount)) else {
            throw SystemError(code: EFAULT, operation: "write \(bytes.byteCount) bytes of guest memory at \(address)")
        }
        var done = 0
        for segment in segments {
            let next = done + Int(segment.bytes)
            try segment.region.file.write(bytes.extracting(done..<next), at: segment.fileOffset)
            done = next
        }
    }

    private func firstIndex(endingAfter address: UInt64) -> Int {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            if regions[middle].end > address { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
