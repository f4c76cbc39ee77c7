public import WorkerProtocol

/// A slice of one of the address space's files at a GPU virtual address. All numbers are multiples of 4096.
public struct GPUMapping: Hashable, Sendable {
    /// GPU virtual address of the first byte.
    public var address: UInt64
    /// Bytes.
    public var length: UInt64
    /// Index of the file: those given at the start, then those added, in order; or ``zeros``.
    public var file: Int
    /// Byte offset into the file.
    public var offset: UInt64
    public var access: GPUAccess

    /// In place of a file: reads give 0, and writes are forgotten.
    public static let zeros = -1

    public init(address: UInt64, length: UInt64, file: Int, offset: UInt64, access: GPUAccess) {
        self.address = address
        self.length = length
        self.file = file
        self.offset = offset
        self.access = access
    }

    /// A range of zeros. It has its address for an offset, so that neighbours continue each other.
    public static func zeros(address: UInt64, length: UInt64) -> GPUMapping {
        GPUMapping(address: address, length: length, file: zeros, offset: address, access: .read)
    }

    var end: UInt64 { address + length }

    /// The part within a range that it overlaps.
    func clipped(to range: Range<UInt64>) -> GPUMapping {
        let start = max(address, range.lowerBound)
        var part = self
        part.address = start
        part.length = min(end, range.upperBound) - start
        part.offset = offset + (start - address)
        return part
    }

    /// One mapping in place of two that follow each other in memory and in the file.
    func joined(with next: GPUMapping) -> GPUMapping? {
        guard file == next.file, access == next.access, end == next.address, offset + length == next.offset else {
            return nil
        }
        var both = self
        both.length = length + next.length
        return both
    }
}
