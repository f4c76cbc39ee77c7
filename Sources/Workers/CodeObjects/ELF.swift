/// The parts of the ELF64 format that code objects use (System V ABI, generic and processor supplements).
enum ELF {
    static let headerSize: UInt64 = 64
    static let programHeaderSize: UInt16 = 56
    static let typeSharedObject: UInt16 = 3
    static let machineX86: UInt16 = 62
    static let machineARM: UInt16 = 183

    /// The machine of this process, and its relocation that adds the load address.
    #if arch(x86_64)
        static let hostMachine = machineX86
        static let relativeRelocation: UInt32 = 8
    #elseif arch(arm64)
        static let hostMachine = machineARM
        static let relativeRelocation: UInt32 = 1027
    #endif

    enum SegmentType {
        static let null: UInt32 = 0
        static let load: UInt32 = 1
        static let dynamic: UInt32 = 2
        /// PT_NOTE, PT_PHDR, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY.
        static let harmless: [UInt32] = [4, 6, 0x6474_e550, 0x6474_e551, 0x6474_e552, 0x6474_e553]
    }

    enum SegmentFlags {
        static let execute: UInt32 = 1
        static let write: UInt32 = 2
    }

    enum Tag {
        static let null: UInt64 = 0
        static let procedureRelocationsSize: UInt64 = 2
        static let relocations: UInt64 = 7
        static let relocationsSize: UInt64 = 8
        static let relocationEntrySize: UInt64 = 9
        static let procedureRelocationType: UInt64 = 20
        static let procedureRelocations: UInt64 = 23
        static let flags: UInt64 = 30
        /// Allowed when 0 only: DT_INIT, DT_FINI, DT_RELSZ, DT_INIT_ARRAYSZ, DT_FINI_ARRAYSZ, DT_PREINIT_ARRAYSZ,
        /// DT_RELRSZ.
        static let onlyZero: [UInt64] = [12, 13, 18, 27, 28, 33, 35]
        /// Never allowed: DT_NEEDED, DT_TEXTREL, DT_AUXILIARY, DT_FILTER.
        static let forbidden: [UInt64] = [1, 22, 0x7fff_fffd, 0x7fff_ffff]
    }

    /// DF_TEXTREL of DT_FLAGS.
    static let textRelocationsFlag: UInt64 = 4
    static let relocationSize: UInt64 = 24
}

/// Little-endian numbers of a file, at offsets that come from the file.
struct ELFBytes: ~Escapable {
    private let bytes: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    var count: UInt64 { UInt64(bytes.byteCount) }

    /// Whether so many bytes lie at the offset.
    func holds(_ offset: UInt64, _ size: UInt64) -> Bool {
        offset <= count && size <= count - offset
    }

    func load<Number: FixedWidthInteger & BitwiseCopyable>(_ offset: UInt64, as: Number.Type) -> Number? {
        guard holds(offset, UInt64(MemoryLayout<Number>.size)) else { return nil }
        // SAFETY: the bytes lie in the span, and every bit pattern is a number.
        return Number(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: Int(offset), as: Number.self))
    }
}
