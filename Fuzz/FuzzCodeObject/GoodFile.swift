/// A small code object that the checker takes: a fuzzer alone does not find the way past an ELF header.
enum GoodFile {
    /// ELF header, three program headers, and behind them relocations, a dynamic section and code.
    static let bytes: [UInt8] = {
        var file = [UInt8](repeating: 0, count: 0x200)
        func put<Number: FixedWidthInteger>(_ number: Number, _ offset: Int) {
            for index in 0..<MemoryLayout<Number>.size {
                file[offset + index] = UInt8(truncatingIfNeeded: number >> Number(index * 8))
            }
        }
        put(0x464c_457f as UInt32, 0)
        file.replaceSubrange(4..<8, with: [2, 1, 1, 0])
        put(3 as UInt16, 16)
        put(machine, 18)
        put(1 as UInt32, 20)
        put(codeOffset, 24)
        put(64 as UInt64, 32)
        put(56 as UInt16, 54)
        put(3 as UInt16, 56)
        func header(
            _ index: Int, type: UInt32, flags: UInt32, offset: UInt64, address: UInt64, fileBytes: UInt64, bytes: UInt64
        ) {
            let start = 64 + index * 56
            put(type, start)
            put(flags, start + 4)
            put(offset, start + 8)
            put(address, start + 16)
            put(fileBytes, start + 32)
            put(bytes, start + 40)
            put(4096 as UInt64, start + 48)
        }
        let size = UInt64(file.count)
        header(0, type: 1, flags: 5, offset: 0, address: 0, fileBytes: size, bytes: size)
        header(1, type: 1, flags: 6, offset: dynamicOffset, address: 0x2000, fileBytes: 64, bytes: 0x1000)
        header(2, type: 2, flags: 4, offset: dynamicOffset, address: dynamicOffset, fileBytes: 64, bytes: 64)
        put(0x2800 as UInt64, Int(relocationOffset))
        put(relativeRelocation, Int(relocationOffset) + 8)
        put(codeOffset, Int(relocationOffset) + 16)
        let tags: [(UInt64, UInt64)] = [(7, relocationOffset), (8, 24), (9, 24), (0, 0)]
        for (index, (tag, value)) in tags.enumerated() {
            put(tag, Int(dynamicOffset) + index * 16)
            put(value, Int(dynamicOffset) + index * 16 + 8)
        }
        return file
    }()

    private static let relocationOffset: UInt64 = 0x120
    private static let dynamicOffset: UInt64 = 0x140
    private static let codeOffset: UInt64 = 0x180

    #if arch(x86_64)
        private static let machine: UInt16 = 62
        private static let relativeRelocation: UInt32 = 8
    #elseif arch(arm64)
        private static let machine: UInt16 = 183
        private static let relativeRelocation: UInt32 = 1027
    #endif

    /// The file with changes: each is two bytes of place, one that chooses how many bytes, and those bytes. What is
    /// left over is appended.
    static func changed(by changes: ArraySlice<UInt8>) -> [UInt8] {
        var file = bytes
        var rest = changes
        while rest.count >= 4 {
            let place = (Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])) % file.count
            let count = min(1 << Int(rest[rest.startIndex + 2] % 4), rest.count - 3, file.count - place)
            rest = rest.dropFirst(3)
            file.replaceSubrange(place..<place + count, with: rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return file + rest
    }
}
