/// How big the image of a code object is.
///
/// The host lays a checked code object out in a sealed memory file: first `imageBytes` of what is to be at its
/// addresses, then a trailer (`CodeImageTrailer`) up to `fileBytes`. The worker maps the whole file readable and
/// executable, the writable ranges over it private and writable, and relocates them.
public struct CodeImageSize: Hashable, Sendable {
    /// Bytes of the loaded image, a multiple of 4096. Address `a` of the ELF file is at byte `a`.
    public var imageBytes: UInt64
    /// Bytes of the memory file, a multiple of 4096.
    public var fileBytes: UInt64
    /// What the image's first address must be a multiple of: a power of two, at least 4096.
    public var alignment: UInt64

    public init(imageBytes: UInt64, fileBytes: UInt64, alignment: UInt64) {
        self.imageBytes = imageBytes
        self.fileBytes = fileBytes
        self.alignment = alignment
    }
}

/// What follows an image in its file: little-endian 64-bit words, then the relocations, then the ELF file itself, which
/// the worker compares with the bytes in GPU memory before a submission uses the code again.
public enum CodeImageTrailer {
    /// Word indices of the trailer.
    public static let entry = 0
    /// Byte offset of the ELF file, from the start of the memory file.
    public static let sourceOffset = 1
    /// The ELF file's size.
    public static let sourceBytes = 2
    /// Byte offset of the relocations: pairs of target and addend, both addresses of the ELF file.
    public static let relocationsOffset = 3
    /// How many relocations follow.
    public static let relocationCount = 4
    /// How many of the ranges are writable.
    public static let writableCount = 5
    /// How many of the ranges are executable.
    public static let executableCount = 6
    /// Writable ranges (offset and length in bytes, whole pages), then executable ones (exact bytes), two words each.
    public static let ranges = 7
    /// Most ranges of a kind.
    public static let maximumRanges = 16
    /// Words before the relocations.
    public static let wordCount = ranges + 4 * maximumRanges
}
