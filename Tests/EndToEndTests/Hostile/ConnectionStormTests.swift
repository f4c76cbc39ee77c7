import Carriers
import Glibc
import Guest
import Linux
import Testing

/// Connections that do not do what connections are for.
@Suite struct ConnectionStormTests {
    /// Silent connections take a bounded place for a bounded time.
    @Test func silence() throws {
        try Storm.run { storm in
            let silent = try (0..<100).map { _ in try storm.connect() }
            // New guests may be kept out for as long as connections may be silent, and not longer.
            let hasGotIn = Wait.until { (try? GuestMachine.checkHealth(of: storm.server.endpoint)) == true }
            #expect(hasGotIn)
            withExtendedLifetime(silent) {}
        }
    }

    @Test func comingAndGoing() throws {
        try Storm.run { storm in
            for round in 0..<300 * StormSize.factor {
                let connection = try storm.connect()
                if round % 3 > 0 { try? connection.send(.hello(Hello(name: "gone"))) }
                if round % 3 > 1 { try? connection.send(.message([14, 0, 0, 0, 0, 0, 0, 0])) }
            }
            try storm.checkAlive("connections that come and go")
        }
    }

    /// A guest that asks and does not read the answers is not read from any more; when it reads, everything comes.
    @Test func notReading() throws {
        try Storm.run { storm in
            let (connection, reader) = try storm.admittedConnection()
            try FileDescriptor(duplicating: connection.socket.rawValue).setNonBlocking(true)
            let before = ServerFacts.privateBytes(of: storm.server.process.processID)
            let ping = Frame.ping([UInt8](repeating: 7, count: 200_000), tag: 1).bytes
            var sent = 0
            var offset = 0
            // Until nothing goes for a good while, or far more has gone than may wait anywhere.
            while sent < 500 {
                let rest = Array(ping[offset...])
                if let count = try Socket.send(connection.socket.rawValue, rest) {
                    offset += count
                    if offset == ping.count {
                        offset = 0
                        sent += 1
                    }
                    continue
                }
                var entry = pollfd(fd: connection.socket.rawValue, events: Int16(POLLOUT), revents: 0)
                // SAFETY: poll reads and writes the one local entry.
                if unsafe poll(&entry, 1, 500) == 0 { break }
            }
            #expect(sent < 500)
            let after = ServerFacts.privateBytes(of: storm.server.process.processID)
            #expect(after < before + (32 << 20))
            // The unfinished frame goes on from another thread's view: finish it once there is room.
            try FileDescriptor(duplicating: connection.socket.rawValue).setNonBlocking(false)
            for _ in 0..<sent { #expect(try reader.next()?.payload.count == 200_000) }
            if offset > 0 {
                try connection.send(Array(ping[offset...]))
                #expect(try reader.next()?.payload.count == 200_000)
            }
        }
    }

    /// The same with commands, from a guest that then just goes.
    @Test func notReadingReplies() throws {
        try Storm.run { storm in
            let (connection, _) = try storm.admittedConnection()
            try FileDescriptor(duplicating: connection.socket.rawValue).setNonBlocking(true)
            let read = Frame.ioRead(ByteRange(start: 0, length: 500_000), tag: 1).bytes
            var isBlocked = false
            for _ in 0..<100_000 where !isBlocked {
                var entry = pollfd(fd: connection.socket.rawValue, events: Int16(POLLOUT), revents: 0)
                // SAFETY: as above.
                isBlocked = unsafe poll(&entry, 1, 500) == 0
                if !isBlocked { isBlocked = try Socket.send(connection.socket.rawValue, read) != read.count }
            }
            #expect(isBlocked)
            try storm.checkAlive("unread answers")
        }
    }

    /// Files where memory should be, too many of them, and none.
    @Test func descriptors() throws {
        try Storm.run { storm in
            let memory = try SharedMemory(name: "storm", bytes: 1 << 20)
            let small = try SharedMemory(name: "small", bytes: 4096, seals: [])
            let pair = try SocketPair(.stream)
            let file = memory.descriptor.rawValue
            let region = MemoryRegion(base: 0, bytes: 1 << 20, fileOffset: 0)
            let wild = [
                MemoryRegion(base: .max - 4095, bytes: 4096, fileOffset: 0),
                MemoryRegion(base: 0, bytes: .max & ~4095, fileOffset: 4096),
                MemoryRegion(base: 0, bytes: 4096, fileOffset: .max & ~4095),
                MemoryRegion(base: 1, bytes: 0, fileOffset: 0),
            ]
            var cases: [([MemoryRegion], [Int32])] = [
                ([region], [pair.first.rawValue]), ([region], []), ([region], [file, file]), ([], [file]),
                ([region, region], [file, file]), ([region], [small.descriptor.rawValue]),
                (Array(repeating: region, count: 200), Array(repeating: file, count: 200)),
            ]
            cases += wild.map { ([$0], [file]) }
            for (regions, descriptors) in cases {
                let connection = try storm.connect()
                try connection.send(.hello(Hello(wantedFeatures: [.sharedMemory], name: "storm")))
                let reader = FrameReader(connection)
                #expect(try reader.next()?.header.type == .welcome)
                try? connection.send(.shareMemory(regions), descriptors: descriptors)
                connection.settle(reader)
                try storm.checkAlive("\(regions.count) regions with \(descriptors.count) descriptors")
            }
            // Descriptors with frames that take none.
            for _ in 0..<50 {
                let (connection, reader) = try storm.admittedConnection()
                for _ in 0..<4 {
                    try? connection.send(.ping([], tag: 0), descriptors: Array(repeating: file, count: 60))
                }
                connection.settle(reader)
            }
        }
    }

    /// Memory that a guest shares and then cuts off is a fault of its own work.
    @Test func memoryCutOff() throws {
        try Storm.run { storm in
            let machine = try GuestMachine.connect(to: storm.server.endpoint)
            let device = try TestDevice(machine)
            let start = try machine.memory.allocate(pages: 16)
            let existing = try device.makeExistingMemory(pages: (0..<16).map { start / 4096 + $0 })
            try device.run { $0.fill(existing.address, bytes: 65536, pattern: 1) }
            // The library's memory has a fixed size; holes can be cut all the same.
            try machine.memory.file.punchHole(start..<start + 65536)
            try device.run { $0.fill(existing.address, bytes: 65536, pattern: 2) }
            #expect(try machine.memory.read(at: start, count: 1) == [2])
        }
    }
}
