public import Linux

/// A guest's IO space: a part of a memory file, and the host's mapping of that part.
public final class IOSpaceMemory {
    /// The memory file.
    public let file: SharedMemory
    /// Where the IO space begins in the file, in bytes.
    public let fileOffset: UInt64
    /// Its size.
    public let bytes: UInt64
    private let mapping: MemoryMapping

    /// Maps a part of a file of fixed size; `fileOffset` is a multiple of 4096.
    public init(file: SharedMemory, fileOffset: UInt64 = 0, bytes: UInt64) throws(SystemError) {
        mapping = try file.map(fileOffset..<fileOffset + bytes)
        self.file = file
        self.fileOffset = fileOffset
        self.bytes = bytes
    }

    /// Loads a word at a multiple of 8 with acquire order.
    public func loadUInt64(at offset: Int) -> UInt64 { mapping.loadUInt64(at: offset) }

    /// Stores a word at a multiple of 8 with release order.
    public func storeUInt64(_ value: UInt64, at offset: Int) { mapping.storeUInt64(value, at: offset) }

    /// Copies bytes out; the range is within the IO space.
    public func read(at offset: Int, count: Int) -> [UInt8] { mapping.read(at: offset, count: count) }

    /// Copies bytes in; the range is within the IO space.
    public func write(_ bytes: RawSpan, at offset: Int) { mapping.write(bytes, at: offset) }

    /// Gives the pages of a range back; it reads as zeros afterwards.
    public func discard(_ range: Range<UInt64>) throws(SystemError) {
        precondition(range.upperBound <= bytes, "a range outside of the IO space")
        try file.punchHole(fileOffset + range.lowerBound..<fileOffset + range.upperBound)
    }
}
