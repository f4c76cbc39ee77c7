/// Counts a guest's messages against its rate: a bucket that fills evenly and holds one second's worth.
struct MessageRate {
    private let perSecond: UInt64
    /// When the bucket would be full if nothing came, in monotonic nanoseconds.
    private var fullAt: UInt64 = 0

    init(perSecond: UInt64) { self.perSecond = perSecond }

    /// Takes one message; how many nanoseconds the guest has to wait before its next, if it is over its rate.
    mutating func take(at time: UInt64) -> UInt64? {
        let second: UInt64 = 1_000_000_000
        fullAt = max(fullAt, time) + max(second / perSecond, 1)
        let debt = fullAt - time
        return debt > second ? debt - second : nil
    }
}
