import EventLoop
import Glibc
import Linux
import Testing

@Suite struct ListenerTests {
    @Test func acceptsManyAndRemovesItsFile() throws {
        let loop = try EventLoop()
        let directory = TemporaryDirectory()
        let endpoint = Endpoint.unix(path: directory.file("socket"))
        var peers: [PeerIdentity] = []
        let listener = try Listener(loop, endpoint: endpoint) { _, peer in
            peers.append(peer)
            if peers.count == 40 { loop.stop() }
        }
        for _ in 0..<40 { _ = try Socket.connect(to: endpoint) }
        loop.run()
        #expect(peers.count == 40 && peers.allSatisfy { $0 == peers[0] && $0.carriesDescriptors })
        #expect(throws: SystemError.self) { try Listener(loop, endpoint: endpoint) { _, _ in } }
        listener.close()
        #expect(throws: SystemError.self) { try FileStatus(ofFile: directory.file("socket")) }
        loop.run()
    }

    @Test func mayBeClosedWhileItAccepts() throws {
        let loop = try EventLoop()
        let directory = TemporaryDirectory()
        let endpoint = Endpoint.unix(path: directory.file("socket"))
        var count = 0
        var listener: Listener?
        listener = try Listener(loop, endpoint: endpoint) { _, _ in
            count += 1
            listener?.close()
        }
        for _ in 0..<3 { _ = try Socket.connect(to: endpoint) }
        loop.run()
        #expect(count == 1)
    }

    /// In a process of its own, since it uses up all descriptors.
    @Test func waitsWhenDescriptorsRunOut() async {
        await #expect(processExitsWith: .exitCode(0)) {
            var accepted = 0
            var errors: [Int32] = []
            do {
                let loop = try EventLoop()
                let directory = TemporaryDirectory()
                let endpoint = Endpoint.unix(path: directory.file("socket"))
                var hoard: [Int32] = []
                let listener = try Listener(loop, endpoint: endpoint) { _, _ in
                    accepted += 1
                    loop.stop()
                }
                listener.onError = { errors.append($0.code) }
                // Some of its pauses later there are descriptors again.
                let relief = Timer(loop) {
                    for number in hoard { close(number) }
                }
                relief.start(afterNanoseconds: 250_000_000)
                let client = try Socket.connect(to: endpoint)
                var limit = rlimit(rlim_cur: 256, rlim_max: 256)
                // SAFETY: the call reads the local structure.
                unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
                while case let number = dup(client.rawValue), number >= 0 { hoard.append(number) }
                loop.run()
                relief.close()
                listener.close()
            }
            // Without pauses there would be many thousands.
            let isPatient = (1...50).contains(errors.count) && errors.allSatisfy { $0 == EMFILE }
            exit(accepted == 1 && isPatient ? 0 : 1)
        }
    }
}

@Suite struct ConnectorTests {
    /// Connects through a monitor that answers with these bytes, in these pieces.
    private func dial(
        _ pieces: [[UInt8]], closing: Bool = false, timeoutNanoseconds: UInt64 = 60_000_000_000
    ) throws -> (request: [UInt8], error: SystemError?, payload: [UInt8]?) {
        let loop = try EventLoop()
        let directory = TemporaryDirectory()
        let path = directory.file("v")
        let recorder = Recorder()
        var monitor: Stream?
        let listener = try Listener(loop, endpoint: .unix(path: path)) { socket, _ in
            monitor = try? Stream(loop, socket: socket, delegate: recorder)
        }
        recorder.onReceive = { stream, _ in
            guard recorder.received.last == UInt8(ascii: "\n") else { return }
            var turn = 0
            func next() {
                guard turn < pieces.count else { return closing ? stream.close() : () }
                stream.send(pieces[turn])
                turn += 1
                loop.afterThisTurn(next)
            }
            next()
        }
        var failure: SystemError?
        var payload: [UInt8]?
        let connector = Connector(loop, to: .hybridDial(path: path, port: 1234), timeoutNanoseconds: timeoutNanoseconds)
        {
            result in
            switch consume result {
            case .success(let socket):
                var queue = DescriptorQueue()
                payload = (try? Socket.receive(socket.rawValue, maximumBytes: 64, descriptors: &queue)) ?? []
            case .failure(let error):
                failure = error
            }
            loop.stop()
        }
        loop.run()
        withExtendedLifetime((connector, listener, monitor)) {}
        return (recorder.received, failure, payload)
    }

    @Test func shakesHandsAndLeavesThePayload() throws {
        let result = try dial([Array("OK 1073741824\nHELLO".utf8)])
        #expect(result.request == Array("CONNECT 1234\n".utf8))
        #expect(result.error == nil)
        #expect(result.payload == Array("HELLO".utf8))
    }

    @Test func takesTheAnswerInPieces() throws {
        let result = try dial("OK 5\n".utf8.map { [$0] })
        #expect(result.error == nil)
        #expect(result.payload == [])
    }

    static let malformed = [
        "OK\n", "OK \n", "OK x\n", "OK +5\n", "OK 4294967296\n", "ok 5\n", "OK 5 \n", "\n", "ERROR no\n",
        "OK 1\r\n", String(repeating: "9", count: 100),
    ]

    @Test(arguments: malformed)
    func refusesOtherAnswers(_ answer: String) throws {
        let result = try dial([Array(answer.utf8)])
        #expect(result.error?.code == EPROTO)
        #expect(result.error?.description.contains("OK <number>") == true)
        #expect(result.payload == nil)
    }

    @Test func aMonitorThatClosesRefuses() throws {
        #expect(try dial([], closing: true).error?.code == ECONNREFUSED)
        #expect(try dial([Array("OK 1".utf8)], closing: true).error?.code == ECONNREFUSED)
    }

    @Test func aSilentMonitorTimesOut() throws {
        #expect(try dial([Array("OK 1".utf8)], timeoutNanoseconds: 20_000_000).error?.code == ETIMEDOUT)
    }

    @Test func connectsDirectlyAndTellsWhenNobodyIsThere() throws {
        let loop = try EventLoop()
        let directory = TemporaryDirectory()
        let endpoint = Endpoint.hybrid(path: directory.file("v"), port: 9)
        var accepted = false
        let listener = try Listener(loop, endpoint: endpoint) { _, _ in
            accepted = true
            loop.stop()
        }
        var isConnected = false
        let connector = Connector(loop, to: endpoint) { result in
            if case .success = consume result { isConnected = true }
        }
        loop.run()
        #expect(accepted && isConnected)
        withExtendedLifetime((connector, listener)) {}

        var failure: SystemError?
        let nobody = Connector(loop, to: .unix(path: directory.file("none"))) { result in
            if case .failure(let error) = consume result { failure = error }
            loop.stop()
        }
        loop.run()
        #expect(failure?.code == ENOENT)
        withExtendedLifetime(nobody) {}
    }
}
