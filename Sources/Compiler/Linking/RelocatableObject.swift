/// The parts of an ELF64 relocatable object (System V ABI), as LLVM writes them, that go into a code object.
struct RelocatableObject {
    struct Section {
        var name: String
        var type: UInt32
        var flags: UInt64
        /// Where its bytes are in the file; empty for memory that starts as zeros.
        var contents: Range<Int>
        var size: Int
        var alignment: Int
        var relocations: [Relocation] = []

        var isLoaded: Bool { flags & 2 != 0 }
        var isWritable: Bool { flags & 1 != 0 }
        var isExecutable: Bool { flags & 4 != 0 }
        var isZeros: Bool { type == SectionType.zeros }
        /// Tables for unwinding, which nothing reads.
        var isUnwinding: Bool { type == SectionType.unwind || name == ".eh_frame" }
    }

    struct Relocation {
        /// Where in its section it is applied.
        var offset: Int
        var type: UInt32
        var symbol: Int
        var addend: Int64
    }

    struct Symbol {
        var name: String
        /// Index of its section; nil for one that is not defined here.
        var section: Int?
        var value: Int
        var isGlobal: Bool
    }

    enum SectionType {
        static let symbols: UInt32 = 2
        static let relocations: UInt32 = 4
        static let zeros: UInt32 = 8
        static let unwind: UInt32 = 0x7000_0001
    }

    let file: [UInt8]
    let machine: UInt16
    private(set) var sections: [Section] = []
    private(set) var symbols: [Symbol] = []

    /// - Throws: `CompilerError` for bytes that are no such object.
    init(_ file: [UInt8]) throws(CompilerError) {
        self.file = file
        guard try RelocatableObject.number(file, 0, 4) == 0x464c_457f, try RelocatableObject.number(file, 16, 2) == 1
        else { throw CompilerError("LLVM made no relocatable object") }
        machine = UInt16(try RelocatableObject.number(file, 18, 2))
        let table = try number(40, 8), entrySize = try number(58, 2), count = try number(60, 2)
        let names = try number(table + number(62, 2) * entrySize + 24, 8)
        var headers: [(type: UInt32, offset: Int, size: Int, link: Int, info: Int)] = []
        for index in 0..<count {
            let start = table + index * entrySize
            let type = UInt32(try number(start + 4, 4))
            let offset = try number(start + 24, 8), size = try number(start + 32, 8)
            headers.append((type, offset, size, try number(start + 40, 4), try number(start + 44, 4)))
            sections.append(
                Section(
                    name: try text(names + number(start, 4)), type: type, flags: UInt64(try number(start + 8, 8)),
                    contents: type == SectionType.zeros ? 0..<0 : offset..<offset + size, size: size,
                    alignment: max(1, try number(start + 48, 8))))
            guard type == SectionType.zeros || offset + size <= file.count else {
                throw CompilerError("LLVM made an object with a section outside of it")
            }
        }
        for header in headers where header.type == SectionType.symbols {
            for start in stride(from: header.offset, to: header.offset + header.size, by: 24) {
                let section = try number(start + 6, 2)
                symbols.append(
                    Symbol(
                        name: try text(headers[header.link].offset + number(start, 4)),
                        section: section > 0 && section < count ? section : nil, value: try number(start + 8, 8),
                        isGlobal: try number(start + 4, 1) >> 4 != 0))
            }
        }
        for header in headers where header.type == SectionType.relocations {
            for start in stride(from: header.offset, to: header.offset + header.size, by: 24) {
                sections[header.info].relocations.append(
                    Relocation(
                        offset: try number(start, 8), type: UInt32(try number(start + 8, 4)),
                        symbol: try number(start + 12, 4), addend: Int64(try number(start + 16, 8))))
            }
        }
    }

    private func number(_ offset: Int, _ size: Int) throws(CompilerError) -> Int {
        try RelocatableObject.number(file, offset, size)
    }

    private static func number(_ file: [UInt8], _ offset: Int, _ size: Int) throws(CompilerError) -> Int {
        guard offset >= 0, offset <= file.count - size else { throw CompilerError("LLVM's object is cut short") }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(file[offset + index]) << UInt64(index * 8) }
        return Int(Int64(bitPattern: value))
    }

    private func text(_ offset: Int) throws(CompilerError) -> String {
        guard file.indices.contains(offset), let end = file[offset...].firstIndex(of: 0) else {
            throw CompilerError("LLVM's object is cut short")
        }
        return String(decoding: file[offset..<end], as: UTF8.self)
    }
}
