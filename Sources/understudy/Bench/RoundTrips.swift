import Guest

/// Round trips: a command against an echo of the same sizes, and a submission against two of them.
struct RoundTrips {
    let server: PrivateServer
    let echo: EchoServer
    let isQuick: Bool

    /// Returns the median nanoseconds of a bare round trip.
    func measure(into report: inout BenchReport) throws -> Double {
        let guest = try BareGuest(endpoint: server.endpoint)
        try guest.start()
        let request = try guest.flushFrame()
        let bareConnection = try RawConnection(endpoint: echo.endpoint)
        let queue = try guest.makeQueue()
        let commands = try guest.makeMemory(bytes: 4096, isCPUVisible: true)
        var buffer = CommandBuffer()
        buffer.write(UInt64(1), to: commands.address + 2048)
        try guest.write(buffer.bytes, to: commands)

        var bare = Durations()
        var command = Durations()
        var submission = Durations()
        let rounds = isQuick ? 20 : 200
        let repeats = isQuick ? 10 : 100
        var value: UInt64 = 0
        // Taken in turns, so that a change of the machine's speed meets all alike.
        for _ in 0..<rounds {
            for _ in 0..<repeats {
                try bare.measure { try bareConnection.roundTrip(request, replyBytes: BareGuest.flushReplyBytes) }
            }
            for _ in 0..<repeats { try command.measure { try guest.roundTrip(request) } }
            for _ in 0..<repeats {
                value += 1
                try guest.expect(value, of: queue.fence, event: value)
                try submission.measure {
                    try guest.submit(
                        commands.address, bytes: buffer.bytes.count, to: queue, value: value, event: value)
                }
            }
        }
        report.add("roundtrip.bare", "bare libuv echo, round trip, median", bare.median / 1000, "µs")
        report.add(
            "roundtrip.command", "command, round trip, median", command.median / 1000, "µs",
            ratio: command.median / bare.median, aim: "at most 1.5")
        report.add(
            "submit", "submission to fence event, median, against two bare round trips", submission.median / 1000,
            "µs", ratio: submission.median / (2 * bare.median), aim: "at most 2")
        // Here it is the only one, and has long started.
        report.add(
            "memory.worker", "worker after small jobs, resident",
            Double(try ProcessMemory.residentOfLargestChild(server.processID)) / 1024, "MiB")
        return bare.median
    }
}
