/// A checked code object: everything that is needed to lay it out, all of it in bounds.
public struct CodeObject: Hashable, Sendable {
    /// Bytes that go to one place of the image.
    public struct Segment: Hashable, Sendable {
        /// Address in the image.
        public var address: UInt64
        /// Bytes in the image; those beyond `fileBytes` are zero.
        public var bytes: UInt64
        /// Where its bytes begin in the ELF file.
        public var fileOffset: UInt64
        /// How many bytes come from the file.
        public var fileBytes: UInt64
        public var isWritable: Bool
        public var isExecutable: Bool
    }

    /// Eight bytes of a writable segment that get the load address plus the addend.
    public struct Relocation: Hashable, Sendable {
        /// Address in the image of the eight bytes.
        public var target: UInt64
        /// Address in the image that they point to.
        public var addend: UInt64
    }

    /// Largest image: the end of the last segment.
    public static let maximumImageBytes: UInt64 = 64 << 20
    /// Most segments.
    public static let maximumSegments = 16
    /// Largest alignment of a segment.
    public static let maximumAlignment: UInt64 = 2 << 20
    static let pageSize: UInt64 = 4096

    /// e_entry; 0 when the file names none.
    public private(set) var entry: UInt64 = 0
    /// In ascending order, without overlap.
    public private(set) var segments: [Segment] = []
    public private(set) var relocations: [Relocation] = []
    /// What the load address must be a multiple of, at least a page.
    public private(set) var alignment = CodeObject.pageSize

    /// End of the last segment, rounded up to a page.
    public var imageBytes: UInt64 {
        guard let last = segments.last else { return 0 }
        return (last.address + last.bytes).roundedUp(to: CodeObject.pageSize)
    }

    /// Checks an ELF file.
    ///
    /// - Throws: `CodeObjectError` with the first rule that it breaks.
    public init(_ file: RawSpan) throws(CodeObjectError) {
        let bytes = ELFBytes(file)
        let headers = try CodeObject.programHeaders(bytes)
        for header in headers where header.type == ELF.SegmentType.load && header.bytes > 0 {
            try append(header, fileSize: bytes.count)
        }
        guard !segments.isEmpty else { throw .badSegmentCount(0) }
        let dynamic = headers.filter { $0.type == ELF.SegmentType.dynamic }
        guard dynamic.count <= 1 else { throw .badDynamicSection }
        for header in dynamic {
            let tables = try CodeObject.relocationTables(bytes, header)
            for table in tables { try appendRelocations(bytes, table) }
        }
        entry = bytes.load(24, as: UInt64.self) ?? 0
        guard entry == 0 || isExecutable(entry) else { throw .entryOutsideCode(entry) }
    }

    /// Whether code lies at an address of the image.
    public func isExecutable(_ address: UInt64) -> Bool {
        segments.contains { $0.isExecutable && address >= $0.address && address - $0.address < $0.fileBytes }
    }

    // MARK: - Headers

    private struct ProgramHeader {
        var type: UInt32
        var flags: UInt32
        var offset: UInt64
        var address: UInt64
        var fileBytes: UInt64
        var bytes: UInt64
        var alignment: UInt64
    }

    private static func programHeaders(_ bytes: borrowing ELFBytes) throws(CodeObjectError) -> [ProgramHeader] {
        // Magic, 64-bit class, little endian, version 1.
        guard bytes.holds(0, ELF.headerSize), bytes.load(0, as: UInt32.self) == 0x464c_457f,
            bytes.load(4, as: UInt8.self) == 2, bytes.load(5, as: UInt8.self) == 1,
            bytes.load(6, as: UInt8.self) == 1, bytes.load(20, as: UInt32.self) == 1,
            let type = bytes.load(16, as: UInt16.self), let machine = bytes.load(18, as: UInt16.self),
            let offset = bytes.load(32, as: UInt64.self), let entrySize = bytes.load(54, as: UInt16.self),
            let count = bytes.load(56, as: UInt16.self)
        else { throw .notELF64 }
        guard type == ELF.typeSharedObject else { throw .notSharedObject(type: type) }
        guard machine == ELF.hostMachine else { throw .wrongMachine(machine) }
        guard entrySize == ELF.programHeaderSize, count > 0,
            bytes.holds(offset, UInt64(count) * UInt64(entrySize))
        else { throw .badProgramHeaders(offset: offset, entrySize: entrySize, count: count) }
        var headers: [ProgramHeader] = []
        for index in 0..<UInt64(count) {
            let start = offset + index * UInt64(entrySize)
            guard let type = bytes.load(start, as: UInt32.self), let flags = bytes.load(start + 4, as: UInt32.self),
                let offset = bytes.load(start + 8, as: UInt64.self),
                let address = bytes.load(start + 16, as: UInt64.self),
                let fileBytes = bytes.load(start + 32, as: UInt64.self),
                let size = bytes.load(start + 40, as: UInt64.self),
                let alignment = bytes.load(start + 48, as: UInt64.self)
            else { throw .notELF64 }
            switch type {
            case ELF.SegmentType.load, ELF.SegmentType.dynamic:
                headers.append(
                    ProgramHeader(
                        type: type, flags: flags, offset: offset, address: address, fileBytes: fileBytes,
                        bytes: size, alignment: alignment))
            case ELF.SegmentType.null: continue
            case _ where ELF.SegmentType.harmless.contains(type): continue
            default: throw .unsupportedSegment(type: type)
            }
        }
        return headers
    }

    private mutating func append(_ header: ProgramHeader, fileSize: UInt64) throws(CodeObjectError) {
        let address = header.address
        guard header.fileBytes <= header.bytes, header.offset <= fileSize,
            header.fileBytes <= fileSize - header.offset
        else { throw .segmentOutsideFile(address: address) }
        let (end, overflow) = address.addingReportingOverflow(header.bytes)
        guard !overflow, end <= CodeObject.maximumImageBytes else { throw .imageTooLarge(end: end) }
        let isWritable = header.flags & ELF.SegmentFlags.write != 0
        let isExecutable = header.flags & ELF.SegmentFlags.execute != 0
        guard !isWritable || !isExecutable else { throw .writableCode(address: address) }
        guard header.alignment & (header.alignment &- 1) == 0, header.alignment <= CodeObject.maximumAlignment else {
            throw .badAlignment(header.alignment)
        }
        if let last = segments.last {
            let lastEnd = last.address + last.bytes
            let samePage = lastEnd.roundedUp(to: CodeObject.pageSize) > address & ~(CodeObject.pageSize - 1)
            guard address >= lastEnd, !samePage || last.isWritable == isWritable else {
                throw .overlappingSegments(address: address)
            }
        }
        guard segments.count < CodeObject.maximumSegments else { throw .badSegmentCount(segments.count + 1) }
        alignment = max(alignment, header.alignment)
        segments.append(
            Segment(
                address: address, bytes: header.bytes, fileOffset: header.offset, fileBytes: header.fileBytes,
                isWritable: isWritable, isExecutable: isExecutable))
    }

    // MARK: - Relocations

    private struct RelocationTable {
        var address: UInt64 = 0
        var bytes: UInt64 = 0
    }

    private static func relocationTables(
        _ bytes: borrowing ELFBytes, _ header: ProgramHeader
    ) throws(CodeObjectError) -> [RelocationTable] {
        guard bytes.holds(header.offset, header.fileBytes) else { throw .badDynamicSection }
        var relative = RelocationTable()
        var procedure = RelocationTable()
        var offset: UInt64 = 0
        while true {
            guard header.fileBytes >= 16, offset <= header.fileBytes - 16,
                let tag = bytes.load(header.offset + offset, as: UInt64.self),
                let value = bytes.load(header.offset + offset + 8, as: UInt64.self)
            else { throw .badDynamicSection }
            offset += 16
            switch tag {
            case ELF.Tag.null: return [relative, procedure].filter { $0.bytes > 0 }
            case ELF.Tag.relocations: relative.address = value
            case ELF.Tag.relocationsSize: relative.bytes = value
            case ELF.Tag.procedureRelocations: procedure.address = value
            case ELF.Tag.procedureRelocationsSize: procedure.bytes = value
            case ELF.Tag.relocationEntrySize where value != ELF.relocationSize,
                ELF.Tag.procedureRelocationType where value != ELF.Tag.relocations,
                ELF.Tag.flags where value & ELF.textRelocationsFlag != 0:
                throw .unsupportedDynamicTag(tag)
            case _ where ELF.Tag.forbidden.contains(tag): throw .unsupportedDynamicTag(tag)
            case _ where value != 0 && ELF.Tag.onlyZero.contains(tag): throw .unsupportedDynamicTag(tag)
            default: continue
            }
        }
    }

    private mutating func appendRelocations(
        _ bytes: borrowing ELFBytes, _ table: RelocationTable
    ) throws(CodeObjectError) {
        let holder = segments.first {
            table.address >= $0.address && table.address - $0.address <= $0.fileBytes
                && table.bytes <= $0.fileBytes - (table.address - $0.address)
        }
        guard table.bytes % ELF.relocationSize == 0, let holder else {
            throw .badRelocationTable(address: table.address, bytes: table.bytes)
        }
        let start = holder.fileOffset + (table.address - holder.address)
        for index in 0..<table.bytes / ELF.relocationSize {
            let place = start + index * ELF.relocationSize
            guard let target = bytes.load(place, as: UInt64.self), let type = bytes.load(place + 8, as: UInt32.self),
                let symbol = bytes.load(place + 12, as: UInt32.self),
                let addend = bytes.load(place + 16, as: UInt64.self)
            else { throw .badRelocationTable(address: table.address, bytes: table.bytes) }
            guard type == ELF.relativeRelocation, symbol == 0 else {
                throw .unsupportedRelocation(type: type, symbol: symbol)
            }
            let isData = segments.contains {
                $0.isWritable && target >= $0.address && $0.bytes >= 8 && target - $0.address <= $0.bytes - 8
            }
            guard isData else { throw .relocationOutsideData(target: target) }
            relocations.append(Relocation(target: target, addend: addend))
        }
    }
}

extension UInt64 {
    /// The next multiple of a power of two. Only for numbers far from the end of the type.
    func roundedUp(to unit: UInt64) -> UInt64 { (self + unit - 1) & ~(unit - 1) }
}
