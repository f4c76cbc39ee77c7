/// Little-endian bytes of the values that buffers hold.
enum Bytes {
    static func of(_ words: [UInt32]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(words.count * 4)
        for word in words {
            for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        return bytes
    }

    static func of(_ floats: [Float]) -> [UInt8] { of(floats.map(\.bitPattern)) }

    static func zeros(words: Int) -> [UInt8] { [UInt8](repeating: 0, count: words * 4) }

    static func words(_ bytes: [UInt8]) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    static func floats(_ bytes: [UInt8]) -> [Float] { words(bytes).map { Float(bitPattern: $0) } }
}
