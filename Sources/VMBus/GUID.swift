/// A globally unique identifier: an interface type or an instance of a VMBus offer.
///
/// On the wire it takes 16 bytes in the mixed-endian layout: the first three groups are little-endian, the last eight
/// bytes stand in reading order (`docs/protocol/vmbus.md 1.1`).
public struct GUID: Hashable, Sendable {
    /// Bytes of a GUID on the wire.
    public static let size = 16

    /// The GUID of which every byte is zero.
    public static let zero = GUID(0, 0, 0, 0)

    /// The first group of the text form.
    public let data1: UInt32
    /// The second group of the text form.
    public let data2: UInt16
    /// The third group of the text form.
    public let data3: UInt16
    /// The last two groups of the text form, read as one big-endian number.
    public let data4: UInt64

    /// Makes a GUID of its groups: `GUID(0xdde9cbc0, 0x5060, 0x4436, 0x9448_ea1254a5d177)`.
    public init(_ data1: UInt32, _ data2: UInt16, _ data3: UInt16, _ data4: UInt64) {
        self.data1 = data1
        self.data2 = data2
        self.data3 = data3
        self.data4 = data4
    }

    /// Reads the 16 wire bytes at `offset`, which the caller has checked to be there.
    init(_ bytes: RawSpan, at offset: Int) {
        self.init(
            bytes.integer(at: offset),
            bytes.integer(at: offset + 4),
            bytes.integer(at: offset + 6),
            (bytes.integer(at: offset + 8) as UInt64).byteSwapped)
    }

    /// The 16 bytes of the wire form.
    public var wireBytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: GUID.size)
        bytes.store(self, at: 0)
        return bytes
    }

    /// The first eight wire bytes as a little-endian number.
    ///
    /// For the instance GUID of a vGPU channel this is the adapter LUID that the guest's user mode sees
    /// (`docs/protocol/semantics.md 1.1`).
    public var leadingLUID: UInt64 {
        UInt64(data1) | UInt64(data2) << 32 | UInt64(data3) << 48
    }
}

extension GUID: Comparable {
    /// Orders GUIDs as their text forms sort.
    public static func < (left: GUID, right: GUID) -> Bool {
        (left.data1, left.data2, left.data3, left.data4) < (right.data1, right.data2, right.data3, right.data4)
    }
}

extension GUID: LosslessStringConvertible {
    /// Reads the text form `8-4-4-4-12`, in either case; anything else gives nil.
    public init?(_ description: String) {
        var digits: [UInt8] = []
        digits.reserveCapacity(32)
        var position = 0
        for character in description.utf8 {
            if GUID.hyphenPositions.contains(position) {
                guard character == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = GUID.hexadecimalValue(of: character), digits.count < 32 else { return nil }
                digits.append(digit)
            }
            position += 1
        }
        guard position == 36 else { return nil }
        let number = { (range: Range<Int>) in digits[range].reduce(UInt64(0)) { $0 << 4 | UInt64($1) } }
        self.init(
            UInt32(truncatingIfNeeded: number(0..<8)),
            UInt16(truncatingIfNeeded: number(8..<12)),
            UInt16(truncatingIfNeeded: number(12..<16)),
            number(16..<32))
    }

    /// The text form in lower case: `dde9cbc0-5060-4436-9448-ea1254a5d177`.
    public var description: String {
        let groups: [(value: UInt64, digits: Int)] = [
            (UInt64(data1), 8), (UInt64(data2), 4), (UInt64(data3), 4), (data4 >> 48, 4),
            (data4 & 0xffff_ffff_ffff, 12),
        ]
        return groups.map { group in
            let text = String(group.value, radix: 16)
            return String(repeating: "0", count: group.digits - text.utf8.count) + text
        }.joined(separator: "-")
    }

    private static let hyphenPositions: [Int] = [8, 13, 18, 23]

    private static func hexadecimalValue(of character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension GUID {
    /// Interface type of the dxg global channel, one per virtual machine (`docs/protocol/vmbus.md 1.11`).
    public static let dxgGlobalChannel = GUID(0xdde9_cbc0, 0x5060, 0x4436, 0x9448_ea12_54a5_d177)

    /// Interface type of a dxg vGPU channel, one per adapter (`docs/protocol/vmbus.md 1.11`).
    public static let dxgVGPUChannel = GUID(0x6e38_2d18, 0x3336, 0x4f4b, 0xacc4_2b77_03d4_df4a)
}
