@testable import Carriers
import EventLoop
import Glibc
import Linux
import Testing
import VMBus

@Suite struct StreamCarrierTests {
    @Test func letsAGuestIn() throws {
        let connection = try TestConnection()
        let hello = Hello(wantedFeatures: [.sharedMemory, .rings], name: "eva", token: [1])
        #expect(
            try connection.ask(.hello(hello))
                == ["welcome 1.0 features 0 \(TestHost.guestID) 65536 2"])
        #expect(connection.host.log == ["admit eva"])
        #expect(connection.carrier.hello == hello)
        #expect(connection.carrier.guestID == TestHost.guestID)
        #expect(connection.carrier.state == .admitted && connection.carrier.grantedFeatures == [])
    }

    /// Every kind of frame that a guest may send, byte by byte, has the same effect as in one piece.
    @Test(arguments: [1, 3, 1000])
    func carriesAConversation(_ piece: Int) throws {
        let connection = try TestConnection()
        try connection.admit()
        let frames: [Frame] = [
            .message([UInt8](0..<8)), .packet([UInt8](repeating: 1, count: 24), relid: 5),
            .configurationRead(ConfigurationAddress(function: 1, offset: 4, width: 2), tag: 10),
            .configurationWrite(ConfigurationAddress(function: 0, offset: 8, width: 4), value: 99, tag: 11),
            .ioWrite(offset: 100, [5, 6, 7], tag: 12), .ioRead(ByteRange(start: 99, length: 5), tag: 13),
            .ioRead(ByteRange(start: 65535, length: 2), tag: 14), .ioWrite(offset: 65535, [1, 2], tag: 15),
            .ioRead(ByteRange(start: 0, length: 1_048_569), tag: 16), .ping([1, 2, 3], tag: 17),
        ]
        let bytes = frames.flatMap(\.bytes)
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try connection.guest.send(Array(bytes[start..<min(start + piece, bytes.count)]))
            connection.loop.runTurn()
        }
        try connection.run { connection.guest.inbox.count == 8 }
        #expect(
            connection.guest.takeInbox() == [
                "configurationValue 1004 tag 10", "configurationValue 0 tag 11", "ioDone 0 tag 12",
                "ioData 0 [0, 5, 6, 7, 0] tag 13", "ioData -14 [] tag 14", "ioDone -14 tag 15", "ioData -22 [] tag 16",
                "pong [1, 2, 3] tag 17",
            ])
        #expect(
            connection.host.log == ["message [0, 1, 2, 3, 4, 5, 6, 7]", "packet 5 24", "read 1 4 2", "write 0 8 4 99"])
    }

    @Test func sendsMessagesPacketsAndWatchedChanges() throws {
        let connection = try TestConnection()
        try connection.admit()
        #expect(
            try connection.ask(
                .ioWatch(ByteRange(start: 4096, length: 4096), isOn: true),
                .ioWatch(ByteRange(start: 4100, length: 4), isOn: false),
                .ping([], tag: 1), answers: 1) == ["pong [] tag 1"])
        let carrier = connection.carrier
        carrier.coalescing {
            carrier.send(controlMessage: [UInt8](repeating: 3, count: 8))
            carrier.send(packet: [UInt8](repeating: 4, count: 16), relid: 6)
            carrier.ioChanged(offset: 0, bytes: [1, 2, 3])
            carrier.ioChanged(offset: 4094, bytes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
            carrier.ioChanged(offset: .max, bytes: [1, 2])
            carrier.ioChanged(offset: 8184, bytes: [9, 9, 9, 9, 9, 9, 9, 9])
        }
        try connection.run { connection.guest.inbox.count == 5 }
        #expect(
            connection.guest.takeInbox() == [
                "message [3, 3, 3, 3, 3, 3, 3, 3]",
                "packet 6 [4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]",
                "ioChanged 4096 [3, 4, 5, 6]", "ioChanged 4104 [11, 12]", "ioChanged 8184 [9, 9, 9, 9, 9, 9, 9, 9]",
            ])
    }

    @Test func readsAndWritesGuestMemory() throws {
        let connection = try TestConnection()
        try connection.admit()
        var results: [String] = []
        connection.carrier.readGuestMemory(address: 4096, length: 2) { results.append("\((try? $0.get()) ?? [])") }
        connection.carrier.writeGuestMemory(address: 8192, bytes: [1, 2, 3]) {
            if case .failure(let error) = $0 { results.append("error \(error.code)") }
        }
        connection.carrier.readGuestMemory(address: 0, length: 1) {
            if case .failure(let error) = $0 { results.append("gone \(error.code)") }
        }
        try connection.run { connection.guest.inbox.count == 3 }
        #expect(
            connection.guest.takeInbox() == [
                "memoryRead 4096 2 tag 1", "memoryWrite 8192 [1, 2, 3] tag 2", "memoryRead 0 1 tag 3",
            ])
        try connection.guest.send(.memoryDone(status: -EFAULT, tag: 2))
        try connection.guest.send(.memoryData(status: 0, [8, 9], tag: 1))
        try connection.run { results.count == 2 }
        connection.carrier.close()
        try connection.run { !connection.host.closed.isEmpty }
        #expect(results == ["error 14", "[8, 9]", "gone 107"])
        #expect(connection.host.closed == [.closedByHost])
    }

    @Test func aGuestThatLeavesIsSwitchedOff() throws {
        let connection = try TestConnection()
        try connection.admit()
        let carrier = connection.carrier
        #expect(shutdown(connection.guest.socket.rawValue, Int32(SHUT_RDWR)) == 0)
        try connection.run { !connection.host.closed.isEmpty }
        #expect(connection.host.closed == [.guestLeft])
        carrier.send(controlMessage: [UInt8](repeating: 0, count: 8))
        carrier.close()
        connection.loop.runTurn()
        #expect(connection.host.closed.count == 1)
        #expect(carrier.state == .closing)
    }

    /// What a guest does wrong, before or after it is admitted, and what it is told.
    static let refusals: [(isAdmitted: Bool, bytes: [UInt8], code: UInt32, words: String)] = [
        (false, Frame.ping([], tag: 0).bytes, 1, "PING before HELLO"),
        (false, [UInt8](repeating: 0, count: 16), 1, "unknown frame type 0"),
        (false, [UInt8]("GET / HTTP/1.1\r\n".utf8), 1, "unknown frame type"),
        (false, FrameHeader(.hello, payloadBytes: 65_521).wire, 1, "HELLO with 65521 payload bytes; at most 65520"),
        (false, Frame.hello(Hello()).bytes.replacing(16, 0), 1, "HELLO with magic"),
        (false, Frame.hello(Hello()).bytes.replacing(20, 2), 2, "version 2.0 is not supported; this side speaks 1.0"),
        (false, Frame.hello(Hello(name: "x")).bytes.replacing(52, 0xff), 1, "name is not UTF-8"),
        (true, Frame.hello(Hello()).bytes, 1, "a second HELLO"),
        (true, Frame.ioDone(status: 0, tag: 0).bytes, 1, "IO_DONE is sent by the other side only"),
        (
            true, FrameHeader(.message, payloadBytes: 8).wire.replacing(0, 241), 1,
            "MESSAGE with 241 payload bytes; at most 240"
        ),
        (
            true, FrameHeader(.message, payloadBytes: 8).wire.replacing(0, 7), 1,
            "MESSAGE with 7 payload bytes; it needs 8"
        ),
        (true, FrameHeader(.ping, payloadBytes: 0).wire.replacing(2, 0x11), 1, "PING with 1114112 payload bytes"),
        (true, FrameHeader(.ping, payloadBytes: 0).wire.replacing(6, 1), 1, "PING with flags 1"),
        (true, FrameHeader(.ping, payloadBytes: 0).wire.replacing(8, 1), 1, "PING with relid 1"),
        (true, Frame.message([UInt8](repeating: 0, count: 8)).bytes.replacing(12, 1), 1, "MESSAGE with tag 1"),
        (true, Frame.doorbell(relid: 1).bytes, 1, "DOORBELL needs the feature 'rings', which was not granted"),
        (true, Frame.channelEvents(relid: 1).bytes, 1, "CHANNEL_EVENTS needs the feature 'ring events'"),
        (true, Frame.shareMemory([]).bytes, 1, "SHARE_MEMORY needs the feature 'guest memory by descriptor'"),
        (true, Frame.memoryData(status: 0, [], tag: 7).bytes, 1, "MEMORY_DATA with tag 7, which answers nothing"),
        (true, Frame.memoryDone(status: 0, tag: 7).bytes, 1, "MEMORY_DONE with tag 7"),
        (true, Frame.pong([], tag: 7).bytes, 1, "PONG with tag 7"),
        (true, Frame.ioWatch(ByteRange(start: 65536, length: 1), isOn: true).bytes, 1, "IO_WATCH with end 65537"),
        (
            true,
            (0...1024).flatMap { Frame.ioWatch(ByteRange(start: $0 * 2, length: 1), isOn: true).bytes }, 6,
            "more than 1024 watched ranges"
        ),
    ]

    @Test(arguments: refusals.indices)
    func refusesAndSaysWhy(_ index: Int) throws {
        let (isAdmitted, bytes, code, words) = Self.refusals[index]
        let connection = try TestConnection()
        if isAdmitted { try connection.admit() }
        try connection.guest.send(bytes)
        let (text, reason) = try connection.runToRefusal()
        #expect(text?.hasPrefix("refused \(code) ") == true, "\(text ?? "nothing")")
        #expect(text?.contains(words) == true, "\(text ?? "nothing")")
        #expect(reason?.description.contains(words) == true)
        #expect(connection.host.carriers.isEmpty)
    }

    @Test func theHostRefusesWithItsOwnWords() throws {
        for code: RefusalCode in [.notAuthorised, .guestLimit, .guestAlreadyConnected] {
            let connection = try TestConnection(TestHost { _ in .refuse(code, "not you") })
            try connection.guest.send(.hello(Hello()))
            let (text, reason) = try connection.runToRefusal()
            #expect(text == "refused \(code.rawValue) not you")
            #expect(reason == .refused(code, "not you"))
        }
        let connection = try TestConnection()
        try connection.admit()
        connection.carrier.refuse(.shuttingDown, "good night")
        #expect(try connection.runToRefusal().text == "refused 5 good night")
    }

    @Test func nothingIsHeardAfterTheEnd() throws {
        let connection = try TestConnection()
        try connection.admit()
        connection.host.onControlMessage = { ($0 as? StreamCarrier)?.close() }
        let message = Frame.message([UInt8](repeating: 0, count: 8)).bytes
        try connection.guest.send(message + message + Frame.hello(Hello()).bytes)
        try connection.run { connection.guest.isAtEnd && !connection.host.closed.isEmpty }
        #expect(connection.host.log == ["message [0, 0, 0, 0, 0, 0, 0, 0]", "closed"])
        #expect(connection.host.closed == [.closedByHost])
        #expect(connection.guest.takeInbox() == [])
    }

    @Test func aGuestThatSaysNothingIsSentAway() throws {
        var limits = CarrierLimits()
        limits.helloNanoseconds = 20_000_000
        let connection = try TestConnection(limits: limits)
        try connection.guest.send(Array(Frame.hello(Hello()).bytes.dropLast()))
        #expect(try connection.runToRefusal().text == "refused 1 no complete HELLO within 20 ms")
    }

    /// A guest asks for far more than it reads: the host stops listening to it and loses nothing.
    @Test func aGuestThatDoesNotReadIsNotReadFrom() throws {
        var limits = CarrierLimits()
        limits.pausingBytes = 200_000
        let connection = try TestConnection(limits: limits)
        try connection.admit()
        var asked = 0
        while try Socket.send(
            connection.guest.socket.rawValue,
            Frame.ioRead(ByteRange(start: 0, length: 60_000), tag: UInt32(asked)).bytes) != nil
        {
            asked += 1
            connection.loop.runTurn()
        }
        #expect(asked > 100)
        #expect(connection.carrier.pendingBytes <= limits.pausingBytes + 60_024)
        try connection.run { connection.guest.inbox.count == asked }
        #expect(connection.guest.takeInbox().enumerated().allSatisfy { $1 == "ioData 0 60000 bytes tag \($0)" })
        #expect(try connection.ask(.ping([], tag: 1)) == ["pong [] tag 1"])
    }

    @Test func aGuestThatNeverReadsIsCutOff() throws {
        var limits = CarrierLimits()
        limits.queuedBytes = 1_000_000
        let connection = try TestConnection(limits: limits)
        try connection.admit()
        let packet = [UInt8](repeating: 0, count: 65536)
        let carrier = connection.carrier
        for _ in 0..<100 { carrier.send(packet: packet, relid: 1) }
        #expect(connection.host.closed.isEmpty)
        connection.loop.runTurn()
        guard case .overflow(let pending, 1_000_000) = connection.host.closed.first else {
            Issue.record("\(connection.host.closed)")
            return
        }
        #expect(pending > 1_000_000 && pending <= 1_065_552)
        #expect(carrier.pendingBytes == 0)
    }

    /// The reason of a refusal cannot be delivered to a guest that does not read; nothing waits for it for long.
    @Test func aDeafGuestIsNotKept() throws {
        var limits = CarrierLimits()
        limits.farewellNanoseconds = 10_000_000
        let connection = try TestConnection(limits: limits)
        try connection.admit()
        weak let carrier = connection.carrier
        while let carrier, carrier.pendingBytes == 0 {
            carrier.send(packet: [UInt8](repeating: 0, count: 65536), relid: 1)
        }
        carrier?.refuse(.shuttingDown, "good night")
        connection.loop.run()
        #expect(connection.host.closed == [.refused(.shuttingDown, "good night")])
        #expect(carrier == nil)
    }

    /// Large writes into a slow guest's memory do not fill the queue.
    @Test func largeMemoryRequestsWaitForTheGuest() throws {
        let connection = try TestConnection()
        try connection.admit()
        var isDone = false
        connection.carrier.writeGuestMemory(address: 0, bytes: [UInt8](repeating: 1, count: 40 << 20)) {
            if case .success = $0 { isDone = true }
        }
        #expect(connection.carrier.pendingBytes < 4 << 20)
        var tag: UInt32 = 0
        try connection.run {
            for text in connection.guest.takeInbox() where text.hasPrefix("memoryWrite") {
                tag += 1
                try connection.guest.send(.memoryDone(status: 0, tag: tag))
            }
            return isDone
        }
    }
}

extension FrameHeader {
    /// The bytes of the header.
    fileprivate var wire: [UInt8] {
        let bytes = encoded
        return bytes.indices.map { bytes[$0] }
    }
}

extension [UInt8] {
    /// The same with another byte at one place.
    fileprivate func replacing(_ index: Int, _ byte: UInt8) -> [UInt8] {
        var result = self
        result[index] = byte
        return result
    }
}
