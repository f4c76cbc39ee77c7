import Glibc
import Linux
import Testing

@Suite struct SocketTests {
    private func receive(_ socket: Int32, _ capacity: Int, _ queue: inout DescriptorQueue) throws -> [UInt8]? {
        try Socket.receive(socket, maximumBytes: capacity, descriptors: &queue)
    }

    @Test func passesBytesAndDescriptors() throws {
        let pair = try SocketPair(.stream)
        let memory = try SharedMemory(name: "passed", bytes: 4096)
        try memory.write([42], at: 7)
        let event = try EventDescriptor()
        #expect(
            try Socket.send(
                pair.first.rawValue, [1, 2, 3],
                descriptors: [memory.descriptor.rawValue, event.descriptor.rawValue]) == 3)
        var queue = DescriptorQueue()
        #expect(try receive(pair.second.rawValue, 16, &queue) == [1, 2, 3])
        let count = queue.count
        #expect(count == 2)
        let received = try SharedMemory(adopting: queue.takeFirst()!)
        #expect(try received.read(at: 7, count: 1) == [42])
        try event.signal()
        try event.signal()
        #expect(try EventDescriptor(adopting: queue.takeFirst()!).take() == 2)
        let isEmpty = queue.isEmpty
        #expect(isEmpty)
        #expect(try receive(pair.second.rawValue, 16, &queue) == nil)
    }

    @Test func receivesNoMoreThanThereIsRoomFor() throws {
        let pair = try SocketPair(.stream)
        var room = [UInt8](repeating: 0, count: 2)
        func receive() throws -> Int? {
            var elements = room.mutableSpan
            var span = unsafe elements.mutableBytes
            return try Socket.receive(pair.second.rawValue, into: &span)
        }
        #expect(try receive() == nil)
        #expect(try Socket.send(pair.first.rawValue, [1, 2, 3]) == 3)
        #expect(try receive() == 2)
        #expect(room == [1, 2])
        #expect(try receive() == 1)
        #expect(room == [3, 2])
        _ = shutdown(pair.first.rawValue, Int32(SHUT_WR))
        #expect(try receive() == 0)
    }

    @Test func sendsManyBuffersInOrder() throws {
        let pair = try SocketPair(.stream)
        let buffers: [[UInt8]] = (0..<40).map { [UInt8($0), UInt8($0)] }
        #expect(try Socket.send(pair.first.rawValue, 1..<3, skipping: 1) { buffers[$0] } == 3)
        #expect(
            try Socket.send(pair.first.rawValue, 3..<40, skipping: 0) { buffers[$0] } == 2 * Socket.maximumParts)
        var queue = DescriptorQueue()
        let expected = buffers[1...].joined().dropFirst().prefix(3 + 2 * Socket.maximumParts)
        #expect(try receive(pair.second.rawValue, 100, &queue) == Array(expected))
    }

    @Test func keepsMessagesApart() throws {
        let pair = try SocketPair(.sequentialPacket)
        _ = try Socket.send(pair.first.rawValue, [1, 2, 3])
        _ = try Socket.send(pair.first.rawValue, [4, 5])
        var queue = DescriptorQueue()
        let error = #expect(throws: SystemError.self) { try receive(pair.second.rawValue, 2, &queue) }
        #expect(error?.code == EMSGSIZE)
        #expect(try receive(pair.second.rawValue, 2, &queue) == [4, 5])
    }

    @Test func knowsTheEndAndAFullSocket() throws {
        var queue = DescriptorQueue()
        let writer: Int32
        let reader: Int32
        do {
            let pair = try SocketPair(.stream)
            writer = try pair.first.duplicate().release()
            reader = try pair.second.duplicate().release()
        }
        defer { close(reader) }
        let block = [UInt8](repeating: 1, count: 1 << 16)
        var taken = 0
        while let count = try Socket.send(writer, block) { taken += count }
        #expect(taken > 0)
        close(writer)
        while taken > 0 { taken -= try receive(reader, 1 << 16, &queue)?.count ?? 0 }
        #expect(try receive(reader, 16, &queue) == [])
        let error = #expect(throws: SystemError.self) { try Socket.send(reader, [1]) }
        #expect(error?.code == EPIPE)
    }

    @Test func untakenDescriptorsAreClosed() throws {
        let pipe = try SocketPair(.stream)
        let pair = try SocketPair(.stream)
        do {
            let sent = try SocketPair(.stream)
            _ = try Socket.send(pair.first.rawValue, [1], descriptors: [sent.first.rawValue])
            _ = try Socket.send(pipe.first.rawValue, [1], descriptors: [sent.second.rawValue])
        }
        var kept = DescriptorQueue()
        _ = try receive(pipe.second.rawValue, 1, &kept)
        let survivor = kept.takeFirst()!
        do {
            var dropped = DescriptorQueue()
            _ = try receive(pair.second.rawValue, 1, &dropped)
            let count = dropped.count
            #expect(count == 1)
            #expect(try receive(survivor.rawValue, 1, &kept) == nil)
        }
        #expect(try receive(survivor.rawValue, 1, &kept) == [])
    }

    @Test func listensAndTellsWhoConnects() throws {
        let directory = TemporaryDirectory()
        let endpoint = Endpoint.unix(path: directory.file("socket"))
        let listener = try ListeningSocket(endpoint)
        #expect(try FileStatus(ofFile: directory.file("socket")).isSocket)
        #expect(unsafe access(directory.file("socket"), X_OK) != 0 || getuid() == 0)
        let client = try Socket.connect(to: endpoint)
        let connection = try listener.accept()!
        let peer = connection.peer
        #expect(peer == .process(id: ProcessControl.processID, user: getuid(), group: getgid()))
        _ = try Socket.send(client.rawValue, [1])
        var queue = DescriptorQueue()
        #expect(try receive(connection.socket.rawValue, 4, &queue) == [1])
        let isAnotherWaiting = try listener.accept() != nil
        #expect(!isAnotherWaiting)
    }

    @Test func refusesToTakeALivingSocketAndReplacesADeadOne() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("socket")
        let endpoint = Endpoint.unix(path: path)
        do {
            let listener = try ListeningSocket(endpoint)
            let error = #expect(throws: SystemError.self) { try ListeningSocket(endpoint) }
            #expect(error?.code == EADDRINUSE)
            #expect(error?.description.contains("another process listens there") == true)
            withExtendedLifetime(listener) {}
        }
        #expect(throws: SystemError.self) { try FileStatus(ofFile: path) }

        // A server that was killed leaves its file.
        let dead = try ListeningSocket(endpoint)
        let stale = directory.file("moved")
        #expect(unsafe rename(path, stale) == 0)
        _ = consume dead
        #expect(unsafe rename(stale, path) == 0)
        let heir = try ListeningSocket(endpoint)
        _ = try Socket.connect(to: endpoint)
        withExtendedLifetime(heir) {}
    }

    @Test func leavesFilesAloneThatAreNotItsOwn() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("file")
        close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        let error = #expect(throws: SystemError.self) { try ListeningSocket(.unix(path: path)) }
        #expect(error?.description.contains("not a socket") == true)
        #expect(try FileStatus(ofFile: path).isRegular)
        #expect(unsafe unlink(path) == 0)

        var first: ListeningSocket? = try ListeningSocket(.unix(path: path))
        #expect(unsafe unlink(path) == 0)
        let second = try ListeningSocket(.unix(path: path))
        withExtendedLifetime(first) {}
        first = nil
        #expect(try FileStatus(ofFile: path).isSocket)
        withExtendedLifetime(second) {}
    }

    @Test func connectsAsAMonitorDoes() throws {
        let directory = TemporaryDirectory()
        let endpoint = Endpoint.hybrid(path: directory.file("v"), port: 52)
        let listener = try ListeningSocket(endpoint)
        #expect(try FileStatus(ofFile: directory.file("v_52")).isSocket)
        _ = try Socket.connect(to: .unix(path: directory.file("v_52")))
        let isOneWaiting = try listener.accept() != nil
        #expect(isOneWaiting)
        #expect(throws: SystemError.self) { try ListeningSocket(.hybridDial(path: directory.file("v"), port: 1)) }
    }
}
