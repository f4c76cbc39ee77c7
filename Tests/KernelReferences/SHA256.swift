/// SHA-256 of FIPS 180-4, also for comparing files with recorded digests.
public struct SHA256 {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]

    /// The digest in lower-case hexadecimal digits.
    public static func hexDigest(of message: [UInt8]) -> String {
        digest(of: message).map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// The digest as eight words.
    static func digest(of message: [UInt8]) -> [UInt32] {
        var padded = message + [0x80]
        padded += [UInt8](repeating: 0, count: (120 - padded.count % 64) % 64)
        let bits = UInt64(message.count) * 8
        padded += (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
        var digest = SHA256()
        for start in stride(from: 0, to: padded.count, by: 64) { digest.add(padded[start..<start + 64]) }
        return digest.state
    }

    private mutating func add(_ block: ArraySlice<UInt8>) {
        var words = [UInt32](repeating: 0, count: 64)
        for (index, byte) in block.enumerated() { words[index / 4] = words[index / 4] << 8 | UInt32(byte) }
        for index in 16..<64 {
            let early = words[index - 15]
            let late = words[index - 2]
            let small0 = Self.rotate(early, 7) ^ Self.rotate(early, 18) ^ early >> 3
            let small1 = Self.rotate(late, 17) ^ Self.rotate(late, 19) ^ late >> 10
            words[index] = words[index - 16] &+ small0 &+ words[index - 7] &+ small1
        }
        var work = state
        for index in 0..<64 {
            let big1 = Self.rotate(work[4], 6) ^ Self.rotate(work[4], 11) ^ Self.rotate(work[4], 25)
            let choice = work[4] & work[5] ^ ~work[4] & work[6]
            let first = work[7] &+ big1 &+ choice &+ Self.constants[index] &+ words[index]
            let big0 = Self.rotate(work[0], 2) ^ Self.rotate(work[0], 13) ^ Self.rotate(work[0], 22)
            let majority = work[0] & work[1] ^ work[0] & work[2] ^ work[1] & work[2]
            work = [first &+ big0 &+ majority] + work[0..<3] + [work[3] &+ first] + work[4..<7]
        }
        for index in 0..<8 { state[index] &+= work[index] }
    }

    private static func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { word >> bits | word << (32 - bits) }

    /// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = {
        let primes = (2...311).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
        return primes.map { prime in
            // The root times 2^32, by halving: its cube is compared with the prime times 2^96 in parts of 128 bits.
            var root: UInt64 = 0
            for bit in (0..<36).reversed() {
                let candidate = root | 1 << UInt64(bit)
                let square = UInt128(candidate) * UInt128(candidate)
                let (cube, overflow) = square.multipliedReportingOverflow(by: UInt128(candidate))
                if !overflow, cube <= UInt128(prime) << 96 { root = candidate }
            }
            return UInt32(truncatingIfNeeded: root)
        }
    }()
}
