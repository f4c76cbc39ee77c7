import EventLoop
import Glibc
import Linux
import Testing

@Suite struct StreamTests {
    /// Bytes that show where they belong.
    private func pattern(_ count: Int, _ seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 31 ^ ($0 >> 8)) }
    }

    @Test func echoes() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        let recorder = connection.recorder
        recorder.onReceive = { stream, _ in
            stream.send(recorder.received)
            recorder.received = []
        }
        _ = try Socket.send(connection.peer.rawValue, [1, 2, 3])
        loop.runTurn(waiting: true)
        #expect(try connection.readPeer() == [1, 2, 3])
        #expect(connection.stream.pendingBytes == 0)
    }

    /// A mixture of small and large pieces, most of which have to wait, comes out as it went in.
    @Test func queuedOutputKeepsItsOrder() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        var expected: [UInt8] = []
        for (index, count) in [5, 400_000, 1, 0, 16, 9000, 8192, 3, 70_000, 12, 8191, 300_000, 2].enumerated() {
            let body = pattern(count, index)
            let head = pattern(index % 3 * 8, index)
            unsafe connection.stream.send(head.span.bytes, body)
            expected += head + body
        }
        for index in 0..<3000 {
            let piece = pattern(index % 50, index)
            connection.stream.send(piece)
            expected += piece
        }
        #expect(connection.stream.pendingBytes > 0)
        var result: [UInt8] = []
        while result.count < expected.count {
            result += try connection.readPeer() ?? []
            loop.runTurn()
        }
        #expect(result == expected)
        #expect(connection.stream.pendingBytes == 0)
        #expect(connection.recorder.drains == 1)
    }

    @Test func coalescedOutputLeavesTogether() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        connection.stream.coalescing {
            connection.stream.send([1])
            connection.stream.coalescing { unsafe connection.stream.send(([2] as [UInt8]).span.bytes, [3]) }
            #expect((try? connection.readPeer()) == [])
            #expect(connection.stream.pendingBytes == 3)
        }
        #expect(try connection.readPeer() == [1, 2, 3])
        #expect(connection.recorder.drains == 0)
    }

    @Test func descriptorsGoWithTheirBytes() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        let filler = pattern(1 << 20)
        connection.stream.send(filler)
        do {
            // The queue keeps its own: these are closed before it is their turn.
            let event = try EventDescriptor()
            connection.stream.send([1, 2, 3])
            unsafe connection.stream.send(
                ([4, 5] as [UInt8]).span.bytes, [6], descriptors: [event.descriptor.rawValue])
            connection.stream.send([7])
        }
        let total = filler.count + 7
        var bytes: [UInt8] = []
        var queue = DescriptorQueue()
        var position: Int?
        while bytes.count < total {
            loop.runTurn()
            while let more = try Socket.receive(connection.peer.rawValue, maximumBytes: 1 << 16, descriptors: &queue) {
                if position == nil && !queue.isEmpty { position = bytes.count }
                bytes += more
            }
        }
        #expect(bytes.suffix(7) == [1, 2, 3, 4, 5, 6, 7])
        let count = queue.count
        #expect(count == 1)
        #expect(try #require(position) <= total - 4)
        #expect(try EventDescriptor(adopting: queue.takeFirst()!).take() == 0)
    }

    @Test func receivedDescriptorsAreHandedOverOrClosed() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        let pair = try SocketPair(.stream)
        var kept: [FileDescriptorBox] = []
        connection.recorder.onReceive = { _, queue in
            if let descriptor = queue.takeFirst() { kept.append(FileDescriptorBox(descriptor)) }
        }
        let event = try EventDescriptor()
        let reader = try pair.first.duplicate()
        let writer = try pair.second.duplicate()
        _ = try Socket.send(
            connection.peer.rawValue, [9], descriptors: [event.descriptor.rawValue, writer.rawValue])
        _ = consume pair
        _ = consume writer
        loop.runTurn(waiting: true)
        #expect(connection.recorder.descriptorCounts == [2])
        #expect(kept.count == 1)
        var queue = DescriptorQueue()
        // Nobody holds the other end any more.
        #expect(try Socket.receive(reader.rawValue, maximumBytes: 4, descriptors: &queue) == [])
    }

    @Test func aPausedStreamLeavesBytesWithTheSender() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        connection.stream.pauseReading()
        let block = pattern(1 << 16)
        var sent = 0
        while let count = try Socket.send(connection.peer.rawValue, block) { sent += count }
        loop.runTurn()
        #expect(connection.recorder.received.isEmpty)
        connection.stream.resumeReading()
        loop.run { connection.recorder.received.count == sent }
        #expect(Array(connection.recorder.received.prefix(1 << 16)) == block)
    }

    @Test func theEndComesOnceAndAfterTheBytes() throws {
        let loop = try EventLoop()
        let recorder: Recorder
        do {
            let connection = try Connection(loop)
            recorder = connection.recorder
            _ = try Socket.send(connection.peer.rawValue, [1, 2])
            #expect(shutdown(connection.peer.rawValue, Int32(SHUT_WR)) == 0)
            loop.run()
            #expect(connection.stream.isClosed)
            connection.stream.send([1])
            connection.stream.close()
        }
        loop.run()
        #expect(recorder.received == [1, 2])
        #expect(recorder.closes == [.endOfStream])
    }

    /// The peer says something, goes, and our answer cannot be delivered any more.
    @Test func aBrokenConnectionDeliversWhatCameBefore() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let pair = try SocketPair(.stream)
        let stream = try Stream(loop, socket: try pair.first.duplicate(), delegate: recorder)
        _ = try Socket.send(pair.second.rawValue, [5, 6])
        #expect(shutdown(pair.second.rawValue, Int32(SHUT_RDWR)) == 0)
        stream.send([1])
        stream.send([2])
        #expect(recorder.closes == [] && !stream.isClosed)
        loop.run()
        #expect(recorder.received == [5, 6])
        #expect(recorder.closes.count == 1)
    }

    @Test func aPeerThatLeftUnreadBytesResets() throws {
        let loop = try EventLoop()
        let recorder = Recorder()
        let stream: Stream
        do {
            let pair = try SocketPair(.stream)
            stream = try Stream(loop, socket: try pair.first.duplicate(), delegate: recorder)
            stream.send([1, 2, 3])
        }
        loop.run()
        #expect(recorder.closes.count == 1)
        #expect(stream.isClosed)
    }

    @Test func closingAfterTheFlushSendsEverything() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        let bytes = pattern(1 << 20)
        connection.stream.send(bytes)
        connection.stream.closeAfterFlush()
        connection.stream.send([0])
        var result: [UInt8] = []
        while let more = try connection.readPeer() {
            result += more
            loop.runTurn()
        }
        #expect(result == bytes)
        #expect(connection.recorder.closes == [.flushed])

        let idle = try Connection(loop)
        idle.stream.closeAfterFlush()
        #expect(idle.recorder.closes == [])
        loop.run()
        #expect(idle.recorder.closes == [.flushed])
    }

    @Test func closingIsSilentAndFinal() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        _ = try Socket.send(connection.peer.rawValue, [1])
        connection.stream.send(pattern(1 << 20))
        connection.stream.close()
        loop.run()
        #expect(connection.recorder.received.isEmpty && connection.recorder.closes.isEmpty)
        #expect(connection.stream.pendingBytes == 0)
    }

    @Test func mayBeClosedFromItsOwnCallback() throws {
        let loop = try EventLoop()
        let connection = try Connection(loop)
        connection.recorder.onReceive = { stream, _ in stream.close() }
        _ = try Socket.send(connection.peer.rawValue, [1])
        loop.run()
        #expect(connection.recorder.received == [1])
        #expect(connection.recorder.closes == [])
        #expect(try connection.readPeer() == nil)
    }
}

/// Arrays cannot hold descriptors themselves.
final class FileDescriptorBox {
    let descriptor: FileDescriptor
    init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
}
