@testable import Carriers
import EventLoop
import Linux
import Testing

@Suite struct StreamCarrierListenerTests {
    private let loop: EventLoop
    private let directory = TemporaryDirectory()
    private let host = TestHost()

    init() throws {
        loop = try EventLoop()
    }

    private func run(_ guests: [TestGuest], until condition: () -> Bool) throws {
        for _ in 0..<1_000_000 {
            if condition() { return }
            loop.runTurn()
            for guest in guests { try guest.receive() }
        }
        Issue.record("it never came so far")
    }

    @Test(arguments: [false, true])
    func admitsGuestsAndForgetsThem(_ isHybrid: Bool) throws {
        let path = directory.file("guests")
        let endpoint: Endpoint = isHybrid ? .hybrid(path: path, port: 77) : .unix(path: path)
        let listener = try StreamCarrierListener(loop, endpoint: endpoint, delegate: host)
        host.decision = { _ in .admit(TestHost.admission(.sharedMemory)) }
        let guests = try (0..<3).map { _ in TestGuest(try Socket.connect(to: endpoint, nonBlocking: true)) }
        try run([]) { listener.halfOpenCount == 3 }
        for guest in guests { try guest.send(.hello(Hello(wantedFeatures: .sharedMemory, name: "g"))) }
        try run(guests) { guests.allSatisfy { $0.inbox.count == 1 } }
        #expect(listener.halfOpenCount == 0 && host.carriers.count == 3)
        // A monitor would keep the descriptors.
        #expect(host.carriers.allSatisfy { $0.grantedFeatures == (isHybrid ? [] : .sharedMemory) })
        guard case .process(ProcessControl.processID, _, _) = host.carriers[0].peer else {
            Issue.record("\(host.carriers[0].peer)")
            return
        }
        listener.close()
        try guests[0].send(.ping([], tag: 1))
        try run(guests) { guests[0].inbox.last == "pong [] tag 1" }
        #expect(throws: SystemError.self) { _ = try Socket.connect(to: endpoint) }
    }

    @Test func theNumberOfStrangersIsBounded() throws {
        var limits = CarrierLimits()
        limits.halfOpenConnections = 2
        let endpoint = Endpoint.unix(path: directory.file("guests"))
        let listener = try StreamCarrierListener(loop, endpoint: endpoint, limits: limits, delegate: host)
        let guests = try (0..<3).map { _ in TestGuest(try Socket.connect(to: endpoint, nonBlocking: true)) }
        try run(guests) { guests[2].isAtEnd && host.closed.count == 1 }
        #expect(guests[2].takeInbox() == ["refused 6 2 other connections are waiting to be admitted"])
        #expect(host.closed == [.violation(.tooManyHalfOpen(limit: 2))])
        #expect(listener.halfOpenCount == 2)

        // Whoever leaves makes room.
        try guests[0].send(.ping([], tag: 0))
        try run(guests) { guests[0].isAtEnd && listener.halfOpenCount == 1 }
        let last = TestGuest(try Socket.connect(to: endpoint, nonBlocking: true))
        try last.send(.hello(Hello()))
        try run(guests + [last]) { last.inbox.count == 1 }
        #expect(last.takeInbox().first?.hasPrefix("welcome") == true)

        listener.close()
        try run(guests) { guests[1].isAtEnd }
        #expect(guests[1].takeInbox() == ["refused 5 the host shuts down"])
    }

    /// The host connects to a monitor, and the guest behind it says HELLO at once.
    @Test func dialsAMonitor() throws {
        let path = directory.file("monitor")
        let monitorListener = try ListeningSocket(.unix(path: path))
        var carrier: StreamCarrier?
        let connector = Connector(loop, to: .hybridDial(path: path, port: 9)) { result in
            guard case .success(let socket) = consume result else { return }
            carrier = try? StreamCarrier(
                loop, socket: socket, peer: .vsock(cid: 3, port: 9), carriesDescriptors: false, delegate: host)
        }
        var guest: TestGuest?
        for _ in 0..<1000 where guest == nil {
            loop.runTurn()
            if let connection = try monitorListener.accept() { guest = TestGuest(connection.socket) }
        }
        try guest?.send(Array("OK 1073741824\n".utf8) + Frame.hello(Hello(name: "behind")).bytes)
        try run([]) { carrier?.state == .admitted }
        #expect(host.log == ["admit behind"])
        withExtendedLifetime((connector, guest)) {}
    }
}
