/// Many guests, connected and idle, on a server of their own: one that has worked keeps memory for the next guests.
struct Crowd {
    let isQuick: Bool

    func measure(into report: inout BenchReport) throws {
        let count = isQuick ? 50 : 1000
        let server = try PrivateServer()
        defer { try? server.stop() }
        let one = try BareGuest(endpoint: server.endpoint)
        let before = try medianRoundTrip(one)
        let residentBefore = try ProcessMemory.resident(server.processID)
        var guests: [BareGuest] = []
        for _ in 0..<count { guests.append(try BareGuest(endpoint: server.endpoint)) }
        let residentAfter = try ProcessMemory.resident(server.processID)
        let after = try medianRoundTrip(one)
        withExtendedLifetime(guests) {}
        try server.stop()
        report.add(
            "guests.memory", "\(count) idle guests: server memory each",
            Double(residentAfter - min(residentBefore, residentAfter)) / Double(count), "KiB")
        report.add(
            "guests.roundtrip", "round trip of one more guest, median, against that without them", after / 1000, "µs",
            ratio: after / before, aim: "unchanged")
    }

    /// In nanoseconds.
    private func medianRoundTrip(_ guest: BareGuest) throws -> Double {
        let request = try guest.flushFrame()
        var durations = Durations()
        for _ in 0..<(isQuick ? 100 : 5000) { try durations.measure { try guest.roundTrip(request) } }
        return durations.median
    }
}
