import CWorker
import WorkerProtocol

/// The image of a code object in the code window, with what its trailer says.
struct LoadedImage {
    let base: UInt64
    /// Address in the ELF file of the function to run by default.
    let entry: UInt64
    /// Where the ELF file's bytes are, and how many.
    let source: UInt64
    let sourceBytes: UInt64
    /// In addresses of the ELF file.
    let executable: [Range<UInt64>]

    /// Maps an image that the host offers, and relocates it.
    ///
    /// - Throws: the errno of the mapping that failed.
    init(base: UInt64, size: CodeImageSize) throws(MappingError) {
        let code = Int32(Channel.codeDescriptor)
        try LoadedImage.require(
            worker_map_private(base, size.fileBytes, code, 0, WORKER_READ.rawValue | WORKER_EXECUTE.rawValue))
        let trailer = base + size.imageBytes
        func word(_ index: Int) -> UInt64 { worker_load_word(trailer, UInt64(index)) }
        var next = CodeImageTrailer.ranges
        for _ in 0..<word(CodeImageTrailer.writableCount) {
            let (offset, length) = (word(next), word(next + 1))
            next += 2
            try LoadedImage.require(
                worker_map_private(
                    base + offset, length, code, offset, WORKER_READ.rawValue | WORKER_WRITE.rawValue))
        }
        var executable: [Range<UInt64>] = []
        for _ in 0..<word(CodeImageTrailer.executableCount) {
            executable.append(word(next)..<word(next) + word(next + 1))
            next += 2
        }
        // SAFETY: the host has put all relocations and their targets inside what is mapped here.
        unsafe worker_relocate(
            base, UnsafePointer(bitPattern: UInt(base + word(CodeImageTrailer.relocationsOffset))),
            word(CodeImageTrailer.relocationCount))
        self.base = base
        entry = word(CodeImageTrailer.entry)
        source = base + word(CodeImageTrailer.sourceOffset)
        sourceBytes = word(CodeImageTrailer.sourceBytes)
        self.executable = executable
    }

    private static func require(_ error: Int32) throws(MappingError) {
        if error != 0 { throw MappingError(code: error) }
    }
}

/// A mapping that was not to be.
struct MappingError: Error {
    let code: Int32
}
