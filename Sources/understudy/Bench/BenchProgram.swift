import Linux

/// The benchmarks, outside the main actor's reach.
enum BenchProgram {
    static func run(isQuick: Bool) throws -> BenchReport {
        var report = BenchReport()
        try OpenFiles.raiseLimit()
        let server = try PrivateServer()
        defer { try? server.stop() }
        let requestBytes = try BareGuest(endpoint: server.endpoint).flushFrame().count
        let echo = try EchoServer(requestBytes: requestBytes, replyBytes: BareGuest.flushReplyBytes)
        defer { try? echo.stop() }
        report.add(
            "start", "server, from start to ready", Double(server.startNanoseconds) / 1_000_000, "ms",
            ratio: Double(server.startNanoseconds) / Double(echo.startNanoseconds))
        report.add(
            "memory.server", "server, idle, resident", Double(try ProcessMemory.resident(server.processID)) / 1024,
            "MiB")
        let bare = try RoundTrips(server: server, echo: echo, isQuick: isQuick).measure(into: &report)
        try Copies(server: server, isQuick: isQuick).measure(into: &report)
        try Allocations(server: server, isQuick: isQuick).measure(into: &report, bareRoundTrip: bare)
        try echo.stop()
        try server.stop()
        try Crowd(isQuick: isQuick).measure(into: &report)
        return report
    }
}
