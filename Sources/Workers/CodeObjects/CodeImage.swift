internal import Linux
internal import WorkerProtocol

/// A code object laid out in a sealed memory file, which workers map: `CodeImageTrailer` describes it.
final class CodeImage {
    let size: CodeImageSize
    /// Byte ranges of the image that are mapped writable, whole pages.
    let writable: [Range<UInt64>]
    let memory: SharedMemory

    /// Checks the ELF file and lays it out.
    convenience init(elf: [UInt8]) throws(CodeImageError) {
        let object: CodeObject
        do {
            object = try unsafe CodeObject(elf.span.bytes)
        } catch {
            throw .refused(error)
        }
        do {
            try self.init(object, elf)
        } catch {
            throw .system(error)
        }
    }

    private init(_ object: CodeObject, _ elf: [UInt8]) throws(SystemError) {
        let imageBytes = object.imageBytes
        let relocationsOffset = UInt64(CodeImageTrailer.wordCount * 8)
        let sourceOffset = relocationsOffset + UInt64(object.relocations.count) * 16
        let fileBytes = (imageBytes + sourceOffset + UInt64(elf.count)).roundedUp(to: Channel.pageSize)
        size = CodeImageSize(imageBytes: imageBytes, fileBytes: fileBytes, alignment: object.alignment)
        writable = CodeImage.writableRanges(object)
        memory = try SharedMemory(name: "understudy-code", bytes: fileBytes, seals: [])
        let source = unsafe elf.span.bytes
        for segment in object.segments where segment.fileBytes > 0 {
            let start = Int(segment.fileOffset)
            try memory.write(source.extracting(start..<start + Int(segment.fileBytes)), at: segment.address)
        }
        var words = [UInt64](repeating: 0, count: CodeImageTrailer.wordCount)
        words[CodeImageTrailer.entry] = object.entry
        words[CodeImageTrailer.sourceOffset] = imageBytes + sourceOffset
        words[CodeImageTrailer.sourceBytes] = UInt64(elf.count)
        words[CodeImageTrailer.relocationsOffset] = imageBytes + relocationsOffset
        words[CodeImageTrailer.relocationCount] = UInt64(object.relocations.count)
        words[CodeImageTrailer.writableCount] = UInt64(writable.count)
        let executable = object.segments.filter { $0.isExecutable }
        words[CodeImageTrailer.executableCount] = UInt64(executable.count)
        var next = CodeImageTrailer.ranges
        for range in writable + executable.map({ $0.address..<$0.address + $0.fileBytes }) {
            words[next] = range.lowerBound
            words[next + 1] = range.upperBound - range.lowerBound
            next += 2
        }
        for relocation in object.relocations { words += [relocation.target, relocation.addend] }
        for index in words.indices { words[index] = words[index].littleEndian }
        try memory.write(unsafe words.span.bytes, at: imageBytes)
        try memory.write(source, at: imageBytes + sourceOffset)
        try memory.seal(.immutable)
    }

    private static func writableRanges(_ object: CodeObject) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        for segment in object.segments where segment.isWritable {
            let start = segment.address & ~(Channel.pageSize - 1)
            let end = (segment.address + segment.bytes).roundedUp(to: Channel.pageSize)
            if let last = ranges.last, last.upperBound >= start {
                ranges[ranges.count - 1] = last.lowerBound..<end
            } else {
                ranges.append(start..<end)
            }
        }
        return ranges
    }
}

/// Why there is no image.
enum CodeImageError: Error {
    case refused(CodeObjectError)
    case system(SystemError)
}

/// Images by the content of their ELF files, shared by the workers of a host.
public final class CodeImageCache {
    private struct Entry {
        var image: CodeImage
        var lastUse: UInt64
    }

    /// The bytes of an ELF file. Hashing looks at some of them only, comparing at all: a guest chooses how many there
    /// are, and the loop waits meanwhile.
    private struct Content: Hashable {
        private static let samples = 64

        let bytes: [UInt8]

        func hash(into hasher: inout Hasher) {
            hasher.combine(bytes.count)
            let step = max(1, bytes.count / Content.samples)
            for index in stride(from: 0, to: bytes.count, by: step) { hasher.combine(bytes[index]) }
        }
    }

    private let maximumBytes: UInt64
    private var entries: [Content: Entry] = [:]
    private var bytes: UInt64 = 0
    private var clock: UInt64 = 0

    /// A cache that keeps images of so many bytes in all. Workers that have mapped an image keep its memory anyway.
    public init(maximumBytes: UInt64 = 128 << 20) { self.maximumBytes = maximumBytes }

    func image(elf: [UInt8]) throws(CodeImageError) -> CodeImage {
        clock += 1
        let content = Content(bytes: elf)
        if let index = entries.index(forKey: content) {
            entries.values[index].lastUse = clock
            return entries.values[index].image
        }
        let image = try CodeImage(elf: elf)
        entries[content] = Entry(image: image, lastUse: clock)
        bytes += image.size.fileBytes
        while bytes > maximumBytes, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            bytes -= oldest.value.image.size.fileBytes
            entries[oldest.key] = nil
        }
        return image
    }
}
