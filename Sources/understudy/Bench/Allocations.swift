import Linux

/// Many allocations made, resident, mapped and destroyed.
struct Allocations {
    let server: PrivateServer
    let isQuick: Bool

    /// The ratio is to the four bare round trips that the four commands of each take at least.
    func measure(into report: inout BenchReport, bareRoundTrip: Double) throws {
        let guest = try BareGuest(endpoint: server.endpoint)
        try guest.start()
        let count = isQuick ? 500 : 10_000
        let start = MonotonicClock.now
        var memories: [BareGuest.Memory] = []
        for _ in 0..<count { memories.append(try guest.makeMemory(bytes: 65536, isCPUVisible: false)) }
        for memory in memories { try guest.destroy(memory) }
        let each = Double(MonotonicClock.now - start) / Double(count)
        report.add(
            "allocations", "\(count) allocations made, mapped, destroyed: each, against four bare round trips",
            each / 1000, "µs", ratio: each / (4 * bareRoundTrip))
    }
}
