import Testing
import VMBus

/// Long random sessions of a guest and devices that do whatever they may, and sometimes what they may not, with an
/// observer that knows only what crosses the server's border.
struct RandomSessionTests {
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `No order of events breaks the promises`(seed: UInt64) throws {
        var session = try RandomSession(seed: seed)
        for _ in 0..<20_000 {
            session.step()
        }
        session.settle()
        #expect(session.broken == [])
        #expect(session.opensAnswered > 300, "the session did something")
        #expect(session.teardownsAnswered > 100)
        #expect(session.resets > 10)
    }

    @Test func `Random bytes break nothing`() throws {
        var generator = SeededGenerator(seed: 6)
        var server = try Fixture.opened()
        for _ in 0..<20_000 {
            var message = (0..<Int.random(in: 0...240, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            if message.count >= 8, Bool.random(using: &generator) {
                message.replaceSubrange(
                    0..<8, with: [UInt8.random(in: 0...31, using: &generator), 0, 0, 0, 0, 0, 0, 0])
            }
            for action in server.receive(bytes: message) {
                switch action {
                case .open(let opening): _ = server.opened(opening.relid)
                case .close(_, let relid): _ = server.closed(relid)
                default: break
                }
            }
            #expect(server.gpadlCount <= server.configuration.limits.maximumGPADLs)
        }
    }
}

/// One random session.
private struct RandomSession {
    var broken: [String] { complaints.texts }
    private(set) var opensAnswered = 0
    private(set) var teardownsAnswered = 0
    private(set) var resets = 0

    private let complaints = Complaints()
    private var generator: SeededGenerator
    private var server: VMBusServer

    /// Relids that the guest knows, or that a device has not let go of yet.
    private var knownRelids: Set<UInt32> = []
    /// Opens that the guest waits for, by relid.
    private var awaitedOpens: [UInt32: Int] = [:]
    /// Teardowns that the guest waits for.
    private var awaitedTeardowns: Set<UInt32> = []
    /// What the devices were asked and have not answered.
    private var devicesOpening: Set<UInt32> = []
    private var devicesClosing: Set<UInt32> = []
    /// Ring GPADLs that a device may be touching, by relid.
    private var ringsInUse: [UInt32: UInt32] = [:]
    /// The channels of the GPADLs that the guest was told of.
    private var memoryOfGuest: [UInt32: UInt32] = [:]
    /// GPADLs that the owner was told of.
    private var ownedGPADLs: Set<UInt32> = []

    private static let offers: [ChannelOffer] =
        [Fixture.global] + (1...3).map { .dxgVGPU(instance: GUID($0, 0, 0, 0)) }

    private static let limits = { () -> VMBusServer.Limits in
        var limits = VMBusServer.Limits()
        limits.maximumGPADLs = 12
        limits.maximumGPADLsInProgress = 3
        limits.maximumTotalPages = 300
        return limits
    }()

    init(seed: UInt64) throws {
        generator = SeededGenerator(seed: seed)
        var configuration = VMBusServer.Configuration()
        configuration.limits = RandomSession.limits
        server = VMBusServer(configuration: configuration)
        for offer in RandomSession.offers {
            observe(try server.add(offer))
        }
    }

    /// Something happens.
    mutating func step() {
        if !isConnected, isRare() {
            deliver(.initiateContact(InitiateContact(version: .v5_3)))
        }
        switch Int.random(in: 0..<100, using: &generator) {
        case 0 where isRare():
            deliver(
                .initiateContact(InitiateContact(version: ProtocolVersion.served.randomElement(using: &generator)!)))
        case 1 where isRare(): deliver(.unload)
        case 2 where isRare(): endGuest()
        case 3...4: deliver(.requestOffers)
        case 5...7: rescind()
        case 8...12: offer()
        case 13...30: deliver(openRequest())
        case 31...42: deliver(.closeChannel(relid: relid()))
        case 43...55: describeMemory()
        case 56...60: deliver(.gpadlBody(GPADLBody(gpadl: gpadl(), words: [UInt64](repeating: 1, count: pages()))))
        case 61...70: tearDown()
        case 71...74: deliver(.modifyChannel(ModifyChannel(relid: relid(), targetVP: 1)))
        case 75...80: release()
        case 81...90: answerOpen()
        case 91...99: answerClose()
        default: deliver(.tlConnectRequest(TLConnectRequest(endpoint: .zero, service: .zero)))
        }
        check()
    }

    /// The devices answer everything, the guest closes and tears down everything: nothing may be left waiting.
    mutating func settle() {
        for _ in 0..<8 {
            while !devicesOpening.isEmpty { answerOpen() }
            while !devicesClosing.isEmpty { answerClose() }
            for channel in server.channelSummaries where channel.state == .open {
                deliver(.closeChannel(relid: channel.relid!))
            }
        }
        expect(awaitedOpens.isEmpty, "opens without a result: \(awaitedOpens)")
        expect(awaitedTeardowns.isEmpty, "teardowns without an answer: \(awaitedTeardowns)")
        endGuest()
        expect(server.connection == .disconnected, "connected after the end")
        expect(ownedGPADLs.isEmpty && server.gpadlCount == 0 && server.describedPages == 0, "memory left")
    }

    // Small ranges of numbers, so that they collide often.
    private mutating func relid() -> UInt32 { UInt32.random(in: 1...5, using: &generator) }
    private mutating func gpadl() -> UInt32 { UInt32.random(in: 1...16, using: &generator) }
    private mutating func isRare() -> Bool { Int.random(in: 0..<5, using: &generator) == 0 }
    private mutating func pages() -> Int { Int.random(in: 1...28, using: &generator) }

    private mutating func openRequest() -> GuestMessage {
        let relid = relid()
        let own = memoryOfGuest.filter { $0.value == relid }.keys.sorted().randomElement(using: &generator)
        let ring = isRare() ? gpadl() : own ?? 0
        return .openChannel(
            OpenChannel(relid: relid, openID: relid + 100, ringGPADL: ring, downstreamPageOffset: 2))
    }

    private mutating func describeMemory() {
        let range = GuestPhysicalRange(pages: (0..<2 * pages()).map { UInt64($0) })
        deliver(GuestMessage.describing([range], gpadl: gpadl(), relid: relid())![0])
    }

    private mutating func tearDown() {
        let known = memoryOfGuest.keys.sorted().randomElement(using: &generator)
        let gpadl = isRare() ? gpadl() : known ?? gpadl()
        let relid = isRare() ? relid() : memoryOfGuest[gpadl] ?? relid()
        var actions: [VMBusAction] = []
        server.receive(.gpadlTeardown(GPADLTeardown(relid: relid, gpadl: gpadl)), into: &actions)
        if !actions.contains(where: \.isProtocolError) {
            expect(awaitedTeardowns.insert(gpadl).inserted, "a second teardown of \(gpadl) was accepted")
        }
        observe(actions)
    }

    private mutating func release() {
        let relid = relid()
        let state = server.channelSummaries.first { $0.relid == relid }?.state
        if case .connected = server.connection, state == .revoked || state == .reoffered {
            knownRelids.remove(relid)
        }
        deliver(.relidReleased(relid: relid))
    }

    private mutating func rescind() {
        let key = RandomSession.offers.randomElement(using: &generator)!.key
        // Whoever rescinds has let go.
        if let relid = server.channelSummaries.first(where: { $0.key == key })?.relid {
            devicesOpening.remove(relid)
            devicesClosing.remove(relid)
            ringsInUse[relid] = nil
            if case .disconnecting = server.connection {
                knownRelids.remove(relid)
            }
        }
        observe(server.rescind(key))
    }

    private mutating func offer() {
        observe((try? server.add(RandomSession.offers.randomElement(using: &generator)!)) ?? [])
    }

    private mutating func answerOpen() {
        guard let relid = devicesOpening.sorted().randomElement(using: &generator) else { return }
        devicesOpening.remove(relid)
        let success = Int.random(in: 0..<4, using: &generator) > 0
        if !success {
            ringsInUse[relid] = nil
        }
        observe(server.opened(relid, success: success))
    }

    private mutating func answerClose() {
        guard let relid = devicesClosing.sorted().randomElement(using: &generator) else { return }
        devicesClosing.remove(relid)
        ringsInUse[relid] = nil
        observe(server.closed(relid))
    }

    private mutating func endGuest() {
        guestForgets()
        observe(server.disconnect())
        while !devicesOpening.isEmpty { answerOpen() }
        while !devicesClosing.isEmpty { answerClose() }
    }

    /// What the guest waited for is forgotten when it lets go of the connection.
    private mutating func guestForgets() {
        awaitedOpens = [:]
        awaitedTeardowns = []
        memoryOfGuest = [:]
    }

    private mutating func deliver(_ message: GuestMessage) {
        let before = server.channelSummaries
        var isConnected = false
        if case .connected = server.connection { isConnected = true }
        switch message {
        case .initiateContact, .unload: guestForgets()
        case .openChannel(let request) where isConnected:
            let state = before.first { $0.relid == request.relid }?.state
            if state == .closed || state == .closing {
                awaitedOpens[request.relid, default: 0] += 1
            }
        default: break
        }
        observe(server.receive(message))
    }

    private mutating func observe(_ actions: [VMBusAction]) {
        for action in actions {
            switch action {
            case .open(let opening):
                expect(knownRelids.contains(opening.relid), "open of released relid \(opening.relid)")
                expect(devicesOpening.insert(opening.relid).inserted, "open while opening")
                expect(!devicesClosing.contains(opening.relid), "open while closing")
                ringsInUse[opening.relid] = opening.ring?.gpadl
                if let ring = opening.ring {
                    expect(ownedGPADLs.contains(ring.gpadl), "ring \(ring.gpadl) unknown to the owner")
                }
            case .close(_, let relid):
                expect(knownRelids.contains(relid), "close of released relid \(relid)")
                expect(devicesClosing.insert(relid).inserted, "close while closing")
                expect(!devicesOpening.contains(relid), "close while opening")
            case .modify(_, let relid, _):
                expect(knownRelids.contains(relid), "modify of released relid \(relid)")
            case .gpadlCreated(let id, let relid, _):
                expect(knownRelids.contains(relid), "GPADL on released relid \(relid)")
                expect(ownedGPADLs.insert(id).inserted, "GPADL \(id) created twice")
            case .gpadlTornDown(let id):
                expect(!ringsInUse.values.contains(id), "GPADL \(id) torn down under a device")
                expect(ownedGPADLs.remove(id) != nil, "GPADL \(id) torn down twice")
            case .reset:
                expect(devicesOpening.isEmpty && devicesClosing.isEmpty, "reset while a device works")
                expect(ringsInUse.isEmpty && ownedGPADLs.isEmpty, "reset while memory is held")
                knownRelids = []
                resets += 1
            case .send(let message): observe(message)
            case .connected, .protocolError: break
            }
        }
    }

    private mutating func observe(_ message: HostMessage) {
        switch message {
        case .offerChannel(let offer):
            expect((1...2047).contains(offer.relid), "relid \(offer.relid)")
            expect(knownRelids.insert(offer.relid).inserted, "relid \(offer.relid) offered twice")
        case .rescindChannelOffer(let relid):
            expect(knownRelids.contains(relid), "rescind of released relid \(relid)")
            expect(awaitedOpens[relid] == nil, "rescind before the result of an open")
        case .openChannelResult(let result):
            expect(awaitedOpens[result.relid] == 1, "result without an open of relid \(result.relid)")
            expect(result.openID == result.relid + 100, "open id \(result.openID)")
            awaitedOpens[result.relid] = nil
            opensAnswered += 1
        case .gpadlTorndown(let torndown):
            expect(awaitedTeardowns.remove(torndown.gpadl) != nil, "TORNDOWN \(torndown.gpadl) unasked")
            expect(!ringsInUse.values.contains(torndown.gpadl), "TORNDOWN \(torndown.gpadl) under a device")
            memoryOfGuest[torndown.gpadl] = nil
            teardownsAnswered += 1
        case .gpadlCreated(let created):
            expect(knownRelids.contains(created.relid), "GPADL_CREATED for released relid \(created.relid)")
            if created.status.isSuccess {
                memoryOfGuest[created.gpadl] = created.relid
            }
        case .modifyChannelResponse(let response):
            expect(knownRelids.contains(response.relid), "response for released relid \(response.relid)")
        case .allOffersDelivered, .versionResponse, .unloadResponse, .tlConnectResult: break
        }
    }

    private func check() {
        let limits = RandomSession.limits
        expect(server.gpadlCount <= limits.maximumGPADLs, "\(server.gpadlCount) GPADLs")
        expect(server.describedPages <= limits.maximumTotalPages, "\(server.describedPages) pages")
        let relids = server.channelSummaries.compactMap(\.relid)
        expect(Set(relids).count == relids.count, "relids \(relids)")
        let agree = isConnected ? Set(relids) == knownRelids : Set(relids).isSubset(of: knownRelids)
        expect(agree, "the server knows \(relids), the guest \(knownRelids.sorted())")
        for channel in server.channelSummaries {
            expect((channel.state == .clientReleased) == (channel.relid == nil) || !isConnected, "\(channel)")
        }
    }

    private var isConnected: Bool {
        if case .connected = server.connection { true } else { false }
    }

    private func expect(_ condition: Bool, _ complaint: @autoclosure () -> String) {
        if !condition, complaints.texts.count < 10 {
            complaints.texts.append(complaint())
        }
    }

    /// The promises found broken; a class, so that looking at the session and complaining do not overlap.
    private final class Complaints {
        var texts: [String] = []
    }
}

extension VMBusAction {
    fileprivate var isProtocolError: Bool {
        if case .protocolError = self { true } else { false }
    }
}
