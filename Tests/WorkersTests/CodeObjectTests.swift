import Testing

@testable import Workers

@Suite struct CodeObjectTests {
    /// An ELF file whose fields can be changed.
    struct File {
        var bytes: [UInt8]

        func load(_ offset: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64($1 * 8) }
        }

        mutating func store(_ value: UInt64, _ offset: Int, _ size: Int) {
            for index in 0..<size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
        }

        /// Offset of the n-th program header of a type.
        func header(_ type: UInt64, _ index: Int = 0) -> Int {
            let all = (0..<Int(load(56, 2))).map { 64 + $0 * 56 }.filter { load($0, 4) == type }
            return all[index]
        }

        var loadCount: Int { (0..<Int(load(56, 2))).count { load(64 + $0 * 56, 4) == 1 } }

        /// Offset of a dynamic entry.
        func dynamic(_ tag: UInt64) -> Int {
            var offset = Int(load(header(2) + 8, 8))
            while load(offset, 8) != tag { offset += 16 }
            return offset
        }

        /// Offset of a relocation. They lie in the first segment, which starts the file.
        func relocation(_ index: Int) -> Int { Int(load(dynamic(7) + 8, 8)) + index * 24 }

        /// Header of the first segment with a flag: 1 execute, 2 write.
        func segment(flag: UInt64) -> Int {
            (0..<loadCount).map { header(1, $0) }.first { load($0 + 4, 4) & flag != 0 } ?? -1
        }
    }

    private func good() throws -> File { File(bytes: try Toolchain.codeObject("use_data")) }

    private func check(_ file: File) throws(CodeObjectError) -> CodeObject {
        try CodeObject(unsafe file.bytes.span.bytes)
    }

    /// Expects the error that a change makes.
    private func expect(
        _ error: CodeObjectError, _ location: SourceLocation = #_sourceLocation, _ change: (inout File) -> Void
    ) throws {
        var file = try good()
        change(&file)
        #expect(throws: error, sourceLocation: location) { try check(file) }
    }

    @Test func understandsWhatClangMakes() throws {
        let file = try good()
        let object = try check(file)
        #expect(object.entry == file.load(24, 8))
        #expect(object.isExecutable(object.entry))
        #expect(object.relocations.count == 3)
        #expect(object.segments.contains { $0.isWritable && $0.bytes > $0.fileBytes })
        #expect(object.imageBytes % 4096 == 0)
        #expect(object.alignment == 4096)
    }

    @Test func takesAFileWithoutDefaultEntry() throws {
        var file = try good()
        file.store(0, 24, 8)
        #expect(try check(file).entry == 0)
    }

    @Test func refusesOtherFiles() throws {
        try expect(.notELF64) { $0.bytes.removeAll() }
        try expect(.notELF64) { $0.bytes.removeSubrange(63...) }
        try expect(.notELF64) { $0.bytes[0] = 0 }
        try expect(.notELF64) { $0.bytes[4] = 1 }
        try expect(.notELF64) { $0.bytes[5] = 2 }
        try expect(.notELF64) { $0.bytes[6] = 2 }
        try expect(.notELF64) { $0.store(2, 20, 4) }
        try expect(.notSharedObject(type: 2)) { $0.store(2, 16, 2) }
        try expect(.wrongMachine(243)) { $0.store(243, 18, 2) }
    }

    @Test func refusesOtherMachines() throws {
        let other = ELF.hostMachine == ELF.machineX86 ? ELF.machineARM : ELF.machineX86
        try expect(.wrongMachine(other)) { $0.store(UInt64(other), 18, 2) }
    }

    @Test func refusesBadProgramHeaders() throws {
        let count = UInt16(try good().load(56, 2))
        try expect(.badProgramHeaders(offset: 64, entrySize: 32, count: count)) { $0.store(32, 54, 2) }
        try expect(.badProgramHeaders(offset: 64, entrySize: 56, count: 0)) { $0.store(0, 56, 2) }
        try expect(.badProgramHeaders(offset: 64, entrySize: 56, count: 0xffff)) { $0.store(0xffff, 56, 2) }
        try expect(.badProgramHeaders(offset: .max, entrySize: 56, count: count)) { $0.store(.max, 32, 8) }
        try expect(.unsupportedSegment(type: 7)) { $0.store(7, $0.header(1), 4) }
        try expect(.unsupportedSegment(type: 3)) { $0.store(3, $0.header(2), 4) }
        try expect(.badSegmentCount(0)) { file in
            for index in (0..<file.loadCount).reversed() { file.store(0, file.header(1, index), 4) }
            file.store(0, file.header(2), 4)
        }
    }

    @Test func refusesBadSegments() throws {
        let code = try good().load(good().segment(flag: 1) + 16, 8)
        let data = try good().load(good().segment(flag: 2) + 16, 8)
        try expect(.segmentOutsideFile(address: code)) { $0.store(.max, $0.segment(flag: 1) + 8, 8) }
        try expect(.segmentOutsideFile(address: code)) { $0.store(1 << 30, $0.segment(flag: 1) + 32, 8) }
        try expect(.segmentOutsideFile(address: code)) { $0.store(1, $0.segment(flag: 1) + 40, 8) }
        try expect(.imageTooLarge(end: code + (1 << 32))) { $0.store(1 << 32, $0.segment(flag: 1) + 40, 8) }
        try expect(.imageTooLarge(end: code &- 1)) { $0.store(.max, $0.segment(flag: 1) + 40, 8) }
        try expect(.writableCode(address: code)) { $0.store(7, $0.segment(flag: 1) + 4, 4) }
        try expect(.badAlignment(3)) { $0.store(3, $0.segment(flag: 1) + 48, 8) }
        try expect(.badAlignment(1 << 22)) { $0.store(1 << 22, $0.segment(flag: 1) + 48, 8) }
        try expect(.overlappingSegments(address: code)) { file in
            file.store(0x2000, file.header(1) + 40, 8)
        }
        // Data in the code's last page.
        try expect(.overlappingSegments(address: data & ~0xfff)) { file in
            let end = file.load(file.segment(flag: 1) + 16, 8) + file.load(file.segment(flag: 1) + 40, 8)
            file.store(data - end, file.segment(flag: 1) + 40, 8)
            file.store((data & ~0xfff), file.segment(flag: 2) + 16, 8)
        }
    }

    @Test func refusesBadDynamicSections() throws {
        try expect(.badDynamicSection) { $0.store(.max, $0.header(2) + 8, 8) }
        try expect(.badDynamicSection) { $0.store(.max, $0.header(2) + 32, 8) }
        // No end.
        try expect(.badDynamicSection) { $0.store(16, $0.header(2) + 32, 8) }
        try expect(.badDynamicSection) { $0.store(8, $0.header(2) + 32, 8) }
        for tag in [1, 12, 13, 17 + 1, 22, 27, 28, 33, 35] as [UInt64] {
            try expect(.unsupportedDynamicTag(tag)) { file in
                // The symbol table's entry is of no use here.
                let entry = file.dynamic(6)
                file.store(tag, entry, 8)
                file.store(8, entry + 8, 8)
            }
        }
        try expect(.unsupportedDynamicTag(9)) { $0.store(16, $0.dynamic(9) + 8, 8) }
    }

    @Test func refusesBadRelocations() throws {
        let file = try good()
        let (table, size) = (file.load(file.dynamic(7) + 8, 8), file.load(file.dynamic(8) + 8, 8))
        try expect(.badRelocationTable(address: .max, bytes: size)) { $0.store(.max, $0.dynamic(7) + 8, 8) }
        try expect(.badRelocationTable(address: table, bytes: size + 1)) { $0.store(size + 1, $0.dynamic(8) + 8, 8) }
        try expect(.badRelocationTable(address: table, bytes: 1 << 40)) { $0.store(1 << 40, $0.dynamic(8) + 8, 8) }
        try expect(.unsupportedRelocation(type: 1, symbol: 0)) { $0.store(1, $0.relocation(1) + 8, 4) }
        try expect(.unsupportedRelocation(type: 8, symbol: 2)) { $0.store(2, $0.relocation(1) + 12, 4) }
        for target in [0, 0xfff_ffff, .max] as [UInt64] {
            try expect(.relocationOutsideData(target: target)) { $0.store(target, $0.relocation(0), 8) }
        }
        let code = file.load(file.segment(flag: 1) + 16, 8)
        try expect(.relocationOutsideData(target: code)) { $0.store(code, $0.relocation(0), 8) }
    }

    @Test func refusesAnEntryOutsideTheCode() throws {
        let data = try good().load(good().segment(flag: 2) + 16, 8)
        try expect(.entryOutsideCode(data)) { $0.store(data, 24, 8) }
        try expect(.entryOutsideCode(.max)) { $0.store(.max, 24, 8) }
    }

    @Test func refusesCodeThatNeedsOthers() throws {
        // A constructor, thread-local data, and a call of something that is not there.
        for (flags, name) in [("-DCONSTRUCTOR", "constructor"), ("-DTHREAD_LOCAL", "thread"), ("-DUNDEFINED", "call")] {
            let elf = try Toolchain.codeObject("count_groups", flags: [flags, "-Wl,--allow-shlib-undefined"])
            #expect(throws: CodeObjectError.self, "\(name)") { try check(File(bytes: elf)) }
        }
    }

    /// Cutting or changing a file anywhere gives an error or an object, never a trap.
    @Test func survivesAnyFile() throws {
        let file = try good()
        for size in stride(from: 0, to: file.bytes.count, by: 7) {
            _ = try? check(File(bytes: Array(file.bytes[..<size])))
        }
        let headers = 64 + Int(file.load(56, 2)) * 56
        let dynamic = Int(file.load(file.header(2) + 8, 8))
        let places = Array(0..<headers) + Array(dynamic..<dynamic + 160)
        for place in places {
            for value in [0, 1, 0x7f, 0x80, 0xff] as [UInt8] {
                var changed = file
                changed.bytes[place] = value
                _ = try? check(changed)
            }
        }
    }
}
