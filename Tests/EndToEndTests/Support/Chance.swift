import Glibc

/// Numbers that repeat from their seed (SplitMix64).
struct Chance {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func word() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(word() % UInt64(limit)) }

    mutating func one<Element>(of choices: [Element]) -> Element { choices[below(choices.count)] }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(count + 8)
        while result.count < count { result += [word()].littleEndianBytes }
        result.removeLast(result.count - count)
        return result
    }

    /// True once in so many times.
    mutating func isOne(in count: Int) -> Bool { below(count) == 0 }
}

/// How much the storms do: `UNDERSTUDY_STORM=10` is ten times the usual amount.
enum StormSize {
    static let factor: Int = {
        guard let text = unsafe getenv("UNDERSTUDY_STORM") else { return 1 }
        return max(1, Int(unsafe String(cString: text)) ?? 1)
    }()
}
