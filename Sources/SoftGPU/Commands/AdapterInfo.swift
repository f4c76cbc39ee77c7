import DXGProtocol

/// The caller's buffer of a QUERYADAPTERINFO, being filled. What lies beyond the answer stays as received.
struct AdapterInfo {
    private(set) var bytes: [UInt8]
    /// The structure itself says what failed, so that it goes back with the status.
    var tellsFailure = false

    init(buffer: RawSpan) { bytes = [UInt8](wireBytes: buffer) }

    /// A smaller buffer than the structure is bad input (docs/protocol/semantics.md 17, size rule).
    func require(_ count: Int) throws(Refusal) {
        guard bytes.count >= count else { throw .invalid("a buffer of \(bytes.count) bytes for \(count)") }
    }

    /// The structure's first word must name the one physical adapter.
    func requirePhysicalAdapter(at offset: Int) throws(Refusal) {
        guard number(at: offset) == 0 else { throw .invalid("physical adapter \(number(at: offset))") }
    }

    func number(at offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }

    /// The UTF-16 text of at most `units` code units up to its terminator.
    func text(at offset: Int, units: Int) -> String {
        var list: [UInt16] = []
        for index in 0..<units {
            let unit = UInt16(bytes[offset + 2 * index]) | UInt16(bytes[offset + 2 * index + 1]) << 8
            guard unit != 0 else { break }
            list.append(unit)
        }
        return String(decoding: list, as: UTF16.self)
    }

    /// A structure of `count` bytes that is zero at first.
    mutating func clear(_ count: Int) throws(Refusal) {
        try require(count)
        for index in 0..<count { bytes[index] = 0 }
    }

    /// A structure of zeros behind the words by which the caller selects what it is about.
    mutating func clear(from offset: Int, to count: Int) throws(Refusal) {
        try require(count)
        for index in offset..<count { bytes[index] = 0 }
    }

    mutating func put<Number: FixedWidthInteger & UnsignedInteger>(_ value: Number, at offset: Int) {
        for index in 0..<(Number.bitWidth / 8) {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Number(8 * index))
        }
    }

    mutating func put(_ source: [UInt8], at offset: Int) {
        bytes.replaceSubrange(offset..<offset + source.count, with: source)
    }

    /// UTF-16 with a terminator, cut to `units` code units and filled up with zeros.
    mutating func put(text: String, at offset: Int, units: Int) {
        var list = Array(text.utf16.prefix(units - 1))
        list += Array(repeating: 0, count: units - list.count)
        for (index, unit) in list.enumerated() { put(unit, at: offset + 2 * index) }
    }
}
