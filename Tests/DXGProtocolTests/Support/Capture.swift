import FoundationEssentials

/// One recorded packet. Trailing zeros are left out of `raw`; `bytes` tells the full length.
struct CapturedPacket: Decodable {
    let channel: String
    let dir: String
    let note: String?
    let raw: String?
    let bytes: Int?

    /// The packet: its 16-byte descriptor and what follows.
    var packet: [UInt8] {
        let digits = Array((raw ?? "").utf8)
        var packet = stride(from: 0, to: digits.count, by: 2).map { index in
            UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16)!
        }
        packet += [UInt8](repeating: 0, count: (bytes ?? packet.count) - packet.count)
        return packet
    }

    var transaction: [UInt8] { Array(packet[8..<16]) }

    var isGuestCommand: Bool { dir == "g2h" && (channel == "global" || channel == "vgpu") }

    /// Whether it answers a guest's command: packet type 11 in the descriptor.
    var isCompletion: Bool { dir == "h2g" && (channel == "global" || channel == "vgpu") && packet[0] == 11 }

    static func read(_ name: String) throws -> [CapturedPacket] {
        let data = try Data(contentsOf: URL(filePath: TestFiles.captures + name + ".jsonl"))
        return try data.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Self.self, from: $0) }
    }
}
