import Glibc
import Guest
import Linux

/// The benchmarks, outside the main actor's reach.
enum BenchProgram {
    static func run(isQuick: Bool) throws -> BenchReport {
        var report = BenchReport()
        try OpenFiles.raiseLimit()
        let server = try PrivateServer()
        let echo = try EchoServer(requestBytes: try requestBytes(server), replyBytes: replyBytes)
        defer {
            try? server.stop()
            try? echo.stop()
        }
        report.add(
            "start", "server, from start to ready", milliseconds(server.startNanoseconds), "ms",
            ratio: Double(server.startNanoseconds) / Double(echo.startNanoseconds))
        report.add(
            "memory.server", "server, idle, resident", Double(try ProcessMemory.resident(server.processID)) / 1024,
            "MiB")
        let bare = try RoundTrips(server: server, echo: echo, isQuick: isQuick).measure(into: &report)
        try Copies(server: server, isQuick: isQuick).measure(into: &report)
        try Allocations(server: server, isQuick: isQuick).measure(into: &report, bareRoundTrip: bare)
        try Crowd(server: server, isQuick: isQuick).measure(into: &report)
        try echo.stop()
        try server.stop()
        return report
    }

    /// A frame with a completion of 4 bytes, padded to 8, behind its descriptor.
    static let replyBytes = 16 + 16 + 8

    private static func requestBytes(_ server: PrivateServer) throws -> Int {
        let guest = try BareGuest(endpoint: server.endpoint)
        return try guest.flushFrame().count
    }

    static func milliseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1_000_000 }
}

/// Round trips: a command against an echo of the same sizes, and a submission against two of them.
struct RoundTrips {
    let server: PrivateServer
    let echo: EchoServer
    let isQuick: Bool

    /// The median nanoseconds of a bare round trip.
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

        var bare: [UInt64] = []
        var command: [UInt64] = []
        var submission: [UInt64] = []
        let rounds = isQuick ? 20 : 200
        let repeats = isQuick ? 10 : 100
        var value: UInt64 = 0
        // Taken in turns, so that a change of the machine's speed meets all alike.
        for _ in 0..<rounds {
            for _ in 0..<repeats {
                bare.append(try timed { try bareConnection.roundTrip(request, replyBytes: BenchProgram.replyBytes) })
            }
            for _ in 0..<repeats {
                command.append(try timed { try guest.roundTrip(request, replyBytes: BenchProgram.replyBytes) })
            }
            for _ in 0..<repeats {
                value += 1
                try guest.expect(value, of: queue.fence, event: value)
                submission.append(
                    try timed {
                        try guest.submit(
                            commands.address, bytes: buffer.bytes.count, to: queue, value: value, event: value)
                    })
            }
        }
        let bareMedian = median(bare)
        report.add("roundtrip.bare", "bare libuv echo, round trip, median", bareMedian / 1000, "µs")
        report.add(
            "roundtrip.command", "command, round trip, median", median(command) / 1000, "µs",
            ratio: median(command) / bareMedian, aim: "at most 1.5")
        report.add(
            "submit", "submission to fence event, median", median(submission) / 1000, "µs",
            ratio: median(submission) / (2 * bareMedian), aim: "at most 2 times two bare round trips")
        return bareMedian
    }

    private func timed(_ body: () throws -> Void) rethrows -> UInt64 {
        let start = MonotonicClock.now
        try body()
        return MonotonicClock.now - start
    }

    private func median(_ values: [UInt64]) -> Double { Double(values.sorted()[values.count / 2]) }
}

/// COPY packets against memcpy.
struct Copies {
    let server: PrivateServer
    let isQuick: Bool

    func measure(into report: inout BenchReport) throws {
        let guest = try BareGuest(endpoint: server.endpoint)
        try guest.start()
        let queue = try guest.makeQueue()
        let commands = try guest.makeMemory(bytes: 4096, isCPUVisible: true)
        report.add(
            "memory.worker", "worker, idle, resident",
            Double(try ProcessMemory.residentOfLargestChild(server.processID)) / 1024,
            "MiB")
        let sizes: [UInt64] = isQuick ? [1 << 20] : [1 << 20, 16 << 20, 256 << 20]
        var value: UInt64 = 0
        for size in sizes {
            let source = try guest.makeMemory(bytes: size, isCPUVisible: false)
            let destination = try guest.makeMemory(bytes: size, isCPUVisible: false)
            let plain = try PlainCopy(bytes: Int(size))
            var gpuBest = UInt64.max
            var plainBest = UInt64.max
            for _ in 0..<(isQuick ? 3 : 9) {
                var buffer = CommandBuffer()
                buffer.timestamp(to: commands.address + 2048)
                buffer.copy(from: source.address, to: destination.address, bytes: size)
                buffer.timestamp(to: commands.address + 2056)
                try guest.write(buffer.bytes, to: commands)
                value += 1
                try guest.expect(value, of: queue.fence, event: value)
                try guest.submit(commands.address, bytes: buffer.bytes.count, to: queue, value: value, event: value)
                let first = try guest.readUInt64(from: commands, at: 2048)
                let last = try guest.readUInt64(from: commands, at: 2056)
                gpuBest = min(gpuBest, last - first)
                plainBest = min(plainBest, plain.run())
            }
            report.add(
                "copy.\(size >> 20)", "COPY of \(size >> 20) MiB against memcpy on one core",
                Double(size) / Double(gpuBest), "GB/s", ratio: Double(plainBest) / Double(gpuBest), aim: "at least 0.9")
            try guest.destroy(source)
            try guest.destroy(destination)
        }
    }
}

/// Many allocations made, resident, mapped and destroyed.
struct Allocations {
    let server: PrivateServer
    let isQuick: Bool

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
            "allocations", "\(count) allocations made, mapped, destroyed: each", each / 1000, "µs",
            ratio: each / (4 * bareRoundTrip))
    }
}

/// Many guests, connected and idle.
struct Crowd {
    let server: PrivateServer
    let isQuick: Bool

    func measure(into report: inout BenchReport) throws {
        let count = isQuick ? 50 : 1000
        let one = try BareGuest(endpoint: server.endpoint)
        let before = try roundTrip(one)
        let residentBefore = try ProcessMemory.resident(server.processID)
        var guests: [BareGuest] = []
        for _ in 0..<count { guests.append(try BareGuest(endpoint: server.endpoint)) }
        let residentAfter = try ProcessMemory.resident(server.processID)
        let after = try roundTrip(one)
        report.add(
            "guests.memory", "\(count) idle guests: server memory each",
            Double(residentAfter - min(residentBefore, residentAfter)) / Double(count), "KiB")
        report.add(
            "guests.roundtrip", "round trip of one more guest, median", after / 1000, "µs", ratio: after / before,
            aim: "unchanged")
        withExtendedLifetime(guests) {}
    }

    private func roundTrip(_ guest: BareGuest) throws -> Double {
        let request = try guest.flushFrame()
        var times: [UInt64] = []
        for _ in 0..<(isQuick ? 100 : 5000) {
            let start = MonotonicClock.now
            try guest.roundTrip(request, replyBytes: BenchProgram.replyBytes)
            times.append(MonotonicClock.now - start)
        }
        return Double(times.sorted()[times.count / 2])
    }
}
