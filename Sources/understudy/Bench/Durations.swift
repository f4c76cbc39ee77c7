import Linux

/// How long one operation took, each time.
struct Durations {
    private var nanoseconds: [UInt64] = []

    /// Does it once more.
    mutating func measure(_ body: () throws -> Void) rethrows {
        let start = MonotonicClock.now
        try body()
        nanoseconds.append(MonotonicClock.now - start)
    }

    /// In nanoseconds; of at least one measurement.
    var median: Double { Double(nanoseconds.sorted()[nanoseconds.count / 2]) }
}
