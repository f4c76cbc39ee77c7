/// Why an ELF file is not a code object that can be run. `docs/softgpu.md, Code objects` has the rules.
public enum CodeObjectError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not a little-endian ELF64 file of version 1.
    case notELF64
    /// Not a shared object (ET_DYN); the type.
    case notSharedObject(type: UInt16)
    /// For another processor than the host's; the machine.
    case wrongMachine(UInt16)
    /// The program header table is missing, has entries of a wrong size, or does not lie in the file.
    case badProgramHeaders(offset: UInt64, entrySize: UInt16, count: UInt16)
    /// A program header of a type that a code object cannot have: thread-local data, an interpreter, or an unknown one.
    case unsupportedSegment(type: UInt32)
    /// Nothing to load, or more segments than are supported.
    case badSegmentCount(Int)
    /// A segment's bytes do not lie in the file, or are more than it has in memory.
    case segmentOutsideFile(address: UInt64)
    /// The segments reach beyond the largest image.
    case imageTooLarge(end: UInt64)
    /// A segment that is writable and executable.
    case writableCode(address: UInt64)
    /// A segment's alignment is no power of two, or too large.
    case badAlignment(UInt64)
    /// Segments that overlap, are not in ascending order, or share a page of which one may write and the other not.
    case overlappingSegments(address: UInt64)
    /// The dynamic section is not in the file or has no end.
    case badDynamicSection
    /// A dynamic tag that asks for something no code object may have: other libraries, constructors, text relocations.
    case unsupportedDynamicTag(UInt64)
    /// A relocation table that does not lie in one segment's bytes, or has entries of a wrong size.
    case badRelocationTable(address: UInt64, bytes: UInt64)
    /// A relocation other than the machine's RELATIVE, such as one for an undefined symbol; its type and symbol.
    case unsupportedRelocation(type: UInt32, symbol: UInt32)
    /// A relocation whose eight bytes do not lie in a writable segment.
    case relocationOutsideData(target: UInt64)
    /// The entry point is not in an executable segment.
    case entryOutsideCode(UInt64)

    public var description: String {
        switch self {
        case .notELF64: "not a little-endian ELF64 file"
        case .notSharedObject(let type): "not a shared object: ELF type \(type)"
        case .wrongMachine(let machine): "for another processor: ELF machine \(machine)"
        case .badProgramHeaders(let offset, let entrySize, let count):
            "bad program headers: \(count) of \(entrySize) bytes at \(offset)"
        case .unsupportedSegment(let type): "unsupported segment type 0x\(String(type, radix: 16))"
        case .badSegmentCount(let count): "\(count) segments to load"
        case .segmentOutsideFile(let address): "the segment at 0x\(String(address, radix: 16)) is not in the file"
        case .imageTooLarge(let end): "the image ends at 0x\(String(end, radix: 16)): too large"
        case .writableCode(let address): "the segment at 0x\(String(address, radix: 16)) is writable and executable"
        case .badAlignment(let alignment): "segment alignment \(alignment)"
        case .overlappingSegments(let address): "the segment at 0x\(String(address, radix: 16)) overlaps another"
        case .badDynamicSection: "bad dynamic section"
        case .unsupportedDynamicTag(let tag): "unsupported dynamic tag 0x\(String(tag, radix: 16))"
        case .badRelocationTable(let address, let bytes):
            "bad relocation table: \(bytes) bytes at 0x\(String(address, radix: 16))"
        case .unsupportedRelocation(let type, let symbol): "unsupported relocation type \(type), symbol \(symbol)"
        case .relocationOutsideData(let target):
            "a relocation of 0x\(String(target, radix: 16)), which is not writable"
        case .entryOutsideCode(let entry): "entry point 0x\(String(entry, radix: 16)) is not in code"
        }
    }
}
