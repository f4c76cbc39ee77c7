/// The relids of a guest: numbers of event flags, 1 to 2047 (`docs/protocol/vmbus.md 1.1`).
struct RelidPool: Hashable, Sendable {
    /// The highest relid.
    static let maximum = 2047

    private var free: [UInt64]

    init() {
        free = [UInt64](repeating: .max, count: (RelidPool.maximum + 1) / 64)
        free[0] &= ~1
    }

    /// Takes the lowest free relid, so that the same offers get the same relids in every run.
    mutating func take() -> UInt32? {
        guard let word = free.firstIndex(where: { $0 != 0 }) else { return nil }
        let bit = free[word].trailingZeroBitCount
        free[word] &= ~(1 << UInt64(bit))
        return UInt32(64 * word + bit)
    }

    /// Gives back a relid that `take` returned.
    mutating func release(_ relid: UInt32) {
        free[Int(relid) / 64] |= 1 << UInt64(relid % 64)
    }
}
