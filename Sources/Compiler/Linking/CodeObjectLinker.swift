/// Makes a code object of LLVM's relocatable object: an ELF shared object as docs/softgpu.md, "Code objects", demands,
/// with what is constant, the code, and the data in a segment each, and no relocations but RELATIVE ones.
struct CodeObjectLinker {
    /// The ELF file.
    private(set) var file: [UInt8] = []
    /// Where the functions are that others may call, as the file counts addresses.
    private(set) var addresses: [String: UInt64] = [:]

    private let object: RelocatableObject
    /// Where each section that is loaded begins.
    private var places: [Int: Int] = [:]
    /// Places of pointers, and what they point to, both as addresses.
    private var relatives: [(target: Int, addend: Int)] = []
    private var segments: [Segment] = []

    private struct Segment {
        var flags: UInt32
        var offset: Int
        var address: Int
        var fileSize = 0
        var size = 0
    }

    private enum Flags {
        static let executable: UInt32 = 1
        static let writable: UInt32 = 2
        static let readable: UInt32 = 4
    }

    private static let page = 4096
    private static let machine: UInt16 = 62  // x86-64
    private static let headerSize = 64
    private static let programHeaderSize = 56
    /// Three segments and the dynamic one.
    private static let programHeaders = 4

    /// Relocations of x86-64 (System V ABI, AMD64 supplement).
    private enum Kind {
        static let absolute64: UInt32 = 1
        static let relative32: UInt32 = 2
        static let procedure32: UInt32 = 4
        static let table32: [UInt32] = [9, 41, 42]
        static let relative64: UInt32 = 24
        static let loadAddress: UInt32 = 8
    }

    /// - Throws: `CompilerError` for anything that a code object cannot have: symbols of elsewhere, thread-local data,
    ///   another processor's code.
    init(_ objectFile: [UInt8]) throws(CompilerError) {
        object = try RelocatableObject(objectFile)
        guard object.machine == CodeObjectLinker.machine else {
            throw CompilerError("no code objects for ELF machine \(object.machine) are made")
        }
        let loaded = object.sections.indices.filter { index in
            let section = object.sections[index]
            return section.isLoaded && section.size > 0 && !section.isUnwinding
        }
        for index in loaded where object.sections[index].flags & 0x400 != 0 {
            throw CompilerError("thread-local data in \(object.sections[index].name)")
        }
        // Constants with pointers in them are written when they are loaded.
        let writable = loaded.filter { index in
            let section = object.sections[index]
            return section.isWritable || section.relocations.contains { $0.type == Kind.absolute64 }
        }
        let code = loaded.filter { object.sections[$0].isExecutable }
        let constants = loaded.filter { !writable.contains($0) && !code.contains($0) }
        let pointers = try tablePointers(loaded)
        file = [UInt8](
            repeating: 0,
            count: CodeObjectLinker.headerSize
                + CodeObjectLinker.programHeaders * CodeObjectLinker.programHeaderSize)
        segments.append(Segment(flags: Flags.readable, offset: 0, address: 0))
        place(constants)
        endSegment()
        startSegment(Flags.readable | Flags.executable)
        place(code)
        endSegment()
        startSegment(Flags.readable | Flags.writable)
        place(writable.filter { !object.sections[$0].isZeros })
        let table = placeTable(of: pointers)
        let dynamic = reserveRelocations(
            pointers.count
                + loaded.reduce(0) { count, index in
                    count + object.sections[index].relocations.count { $0.type == Kind.absolute64 }
                })
        endSegment()
        placeZeros(writable.filter { object.sections[$0].isZeros })
        try relocate(loaded, table)
        if let dynamic { writeRelocations(dynamic) }
        for symbol in object.symbols where symbol.isGlobal {
            if let section = symbol.section, code.contains(section), let place = places[section] {
                addresses[symbol.name] = UInt64(place + symbol.value)
            }
        }
        writeHeaders(dynamic)
    }

    // MARK: - Layout

    /// The address of the file's end, in the segment that is being written.
    private var address: Int { file.count - segments[segments.count - 1].offset + segments[segments.count - 1].address }

    private mutating func align(_ alignment: Int) {
        while address % alignment != 0 { file.append(0) }
    }

    /// A new page of memory, but not of the file: the address is the offset, pages apart.
    private mutating func startSegment(_ flags: UInt32) {
        let last = segments[segments.count - 1]
        let end = (last.address + last.size + CodeObjectLinker.page - 1) & ~(CodeObjectLinker.page - 1)
        while file.count % 64 != 0 { file.append(0) }
        segments.append(Segment(flags: flags, offset: file.count, address: end + file.count % CodeObjectLinker.page))
    }

    private mutating func endSegment() {
        let size = file.count - segments[segments.count - 1].offset
        segments[segments.count - 1].fileSize = size
        segments[segments.count - 1].size = size
    }

    private mutating func place(_ sections: [Int]) {
        for index in sections {
            align(object.sections[index].alignment)
            places[index] = address
            file += object.file[object.sections[index].contents]
        }
    }

    private mutating func placeZeros(_ sections: [Int]) {
        var end = segments[segments.count - 1].address + segments[segments.count - 1].size
        for index in sections {
            let alignment = object.sections[index].alignment
            end = (end + alignment - 1) / alignment * alignment
            places[index] = end
            end += object.sections[index].size
        }
        segments[segments.count - 1].size = end - segments[segments.count - 1].address
    }

    // MARK: - Relocations

    /// The symbols whose addresses code reads from a table, in order.
    private func tablePointers(_ sections: [Int]) throws(CompilerError) -> [Int] {
        var symbols: [Int] = []
        for index in sections {
            for relocation in object.sections[index].relocations
            where Kind.table32.contains(relocation.type) && !symbols.contains(relocation.symbol) {
                symbols.append(relocation.symbol)
            }
        }
        return symbols
    }

    private mutating func placeTable(of symbols: [Int]) -> [Int: Int] {
        align(8)
        var table: [Int: Int] = [:]
        for symbol in symbols {
            table[symbol] = address
            file += [UInt8](repeating: 0, count: 8)
        }
        return table
    }

    /// The address of a symbol.
    private func value(_ index: Int) throws(CompilerError) -> Int {
        let symbol = object.symbols[index]
        guard let section = symbol.section else {
            throw CompilerError("the code needs \(symbol.name), which is nowhere")
        }
        guard let place = places[section] else {
            throw CompilerError("the code refers to \(object.sections[section].name), which is not loaded")
        }
        return place + symbol.value
    }

    private mutating func relocate(_ sections: [Int], _ table: [Int: Int]) throws(CompilerError) {
        for index in sections {
            guard let place = places[index] else { continue }
            for relocation in object.sections[index].relocations {
                let target = place + relocation.offset, addend = Int(relocation.addend)
                switch relocation.type {
                case Kind.absolute64:
                    relatives.append((target, try value(relocation.symbol) + addend))
                case Kind.relative32, Kind.procedure32:
                    try write32(try value(relocation.symbol) + addend - target, at: target)
                case Kind.relative64:
                    write(UInt64(bitPattern: Int64(try value(relocation.symbol) + addend - target)), at: target, 8)
                case _ where Kind.table32.contains(relocation.type):
                    try write32((table[relocation.symbol] ?? 0) + addend - target, at: target)
                default:
                    throw CompilerError(
                        "relocation \(relocation.type) in \(object.sections[index].name) cannot be done")
                }
            }
        }
        for (symbol, place) in table.sorted(by: { $0.value < $1.value }) {
            relatives.append((place, try value(symbol)))
        }
    }

    /// The dynamic section in the file, and how long the table of relocations before it is.
    private struct Dynamic {
        var offset: Int
        var address: Int
        var size = 4 * 16
        var tableSize: Int
    }

    /// Room for a table of relocations with the dynamic section behind it; nil if there are none.
    private mutating func reserveRelocations(_ count: Int) -> Dynamic? {
        guard count > 0 else { return nil }
        align(8)
        file += [UInt8](repeating: 0, count: count * 24)
        let dynamic = Dynamic(offset: file.count, address: address, tableSize: count * 24)
        file += [UInt8](repeating: 0, count: dynamic.size)
        return dynamic
    }

    private mutating func writeRelocations(_ dynamic: Dynamic) {
        var place = dynamic.offset - dynamic.tableSize
        for relative in relatives {
            patch(UInt64(relative.target), at: place, 8)
            patch(UInt64(Kind.loadAddress), at: place + 8, 8)
            patch(UInt64(relative.addend), at: place + 16, 8)
            place += 24
        }
        // DT_RELA, DT_RELASZ, DT_RELAENT, DT_NULL.
        let entries = [(7, dynamic.address - dynamic.tableSize), (8, dynamic.tableSize), (9, 24), (0, 0)]
        for (tag, value) in entries {
            patch(UInt64(tag), at: place, 8)
            patch(UInt64(value), at: place + 8, 8)
            place += 16
        }
    }

    private mutating func write32(_ value: Int, at address: Int) throws(CompilerError) {
        guard let value = Int32(exactly: value) else { throw CompilerError("the code is too large") }
        write(UInt64(UInt32(bitPattern: value)), at: address, 4)
    }

    private mutating func write(_ value: UInt64, at address: Int, _ size: Int) {
        guard let segment = segments.last(where: { $0.address <= address }) else { return }
        patch(value, at: address - segment.address + segment.offset, size)
    }

    // MARK: - Headers

    private mutating func writeHeaders(_ dynamic: Dynamic?) {
        let loads = segments.filter { $0.size > 0 }
        let count = loads.count + (dynamic == nil ? 0 : 1)
        // Magic, 64 bits, little endian, version 1.
        for (index, byte) in [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1].enumerated() { file[index] = UInt8(byte) }
        patch(3, at: 16, 2)
        patch(UInt64(CodeObjectLinker.machine), at: 18, 2)
        patch(1, at: 20, 4)
        patch(UInt64(CodeObjectLinker.headerSize), at: 32, 8)
        patch(UInt64(CodeObjectLinker.headerSize), at: 52, 2)
        patch(UInt64(CodeObjectLinker.programHeaderSize), at: 54, 2)
        patch(UInt64(count), at: 56, 2)
        var start = CodeObjectLinker.headerSize
        func header(_ words: [(UInt64, Int)]) {
            var place = start
            for (value, size) in words {
                patch(value, at: place, size)
                place += size
            }
            start += CodeObjectLinker.programHeaderSize
        }
        for segment in loads {
            header([
                (1, 4), (UInt64(segment.flags), 4), (UInt64(segment.offset), 8), (UInt64(segment.address), 8),
                (UInt64(segment.address), 8), (UInt64(segment.fileSize), 8), (UInt64(segment.size), 8),
                (UInt64(CodeObjectLinker.page), 8),
            ])
        }
        if let dynamic {
            header([
                (2, 4), (UInt64(Flags.readable | Flags.writable), 4), (UInt64(dynamic.offset), 8),
                (UInt64(dynamic.address), 8), (UInt64(dynamic.address), 8), (UInt64(dynamic.size), 8),
                (UInt64(dynamic.size), 8), (8, 8),
            ])
        }
    }

    private mutating func patch(_ value: UInt64, at offset: Int, _ size: Int) {
        for index in 0..<size { file[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
    }
}
