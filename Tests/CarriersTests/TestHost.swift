import Carriers
import EventLoop
import Glibc
import Linux
import Testing
import VMBus

/// A host that writes down what it is told.
final class TestHost: GuestCarrierDelegate {
    var log: [String] = []
    var carriers: [StreamCarrier] = []
    var regions: [SharedRegion] = []
    var closed: [CarrierCloseReason] = []
    var ioSpace = [UInt8](repeating: 0, count: 65536)
    var decision: (Hello) -> AdmissionDecision
    var onControlMessage: ((any GuestCarrier) -> Void)?

    static let guestID = GUID(1, 2, 3, 4)

    init(_ decision: @escaping (Hello) -> AdmissionDecision = { _ in .admit(TestHost.admission()) }) {
        self.decision = decision
    }

    static func admission(_ features: CarrierFeatures = [], ioSpaceDescriptor: Int32? = nil) -> Admission {
        Admission(
            guestID: guestID, ioSpaceBytes: 65536, functionCount: 2, features: features,
            ioSpaceDescriptor: ioSpaceDescriptor)
    }

    func carrier(_ carrier: any GuestCarrier, admit hello: Hello, peer: PeerIdentity) -> AdmissionDecision {
        log.append("admit \(hello.name)")
        let decision = decision(hello)
        if case .admit = decision, let carrier = carrier as? StreamCarrier { carriers.append(carrier) }
        return decision
    }

    func carrier(_ carrier: any GuestCarrier, controlMessage: RawSpan) {
        log.append("message \(array(controlMessage))")
        onControlMessage?(carrier)
    }

    func carrier(_ carrier: any GuestCarrier, packet: RawSpan, relid: UInt32) {
        log.append("packet \(relid) \(packet.byteCount)")
    }

    func carrier(_ carrier: any GuestCarrier, readConfiguration address: ConfigurationAddress) -> UInt32 {
        log.append("read \(address.function) \(address.offset) \(address.width)")
        return address.function * 1000 + UInt32(address.offset)
    }

    func carrier(_ carrier: any GuestCarrier, writeConfiguration address: ConfigurationAddress, value: UInt32) {
        log.append("write \(address.function) \(address.offset) \(address.width) \(value)")
    }

    func carrier(_ carrier: any GuestCarrier, sharedMemory regions: [SharedRegion]) {
        log.append("share \(regions.map(\.region.base))")
        self.regions += regions
    }

    func carrier(
        _ carrier: any GuestCarrier, readIOSpace offset: UInt64, length: UInt32
    ) throws(SystemError) -> [UInt8] {
        guard offset + UInt64(length) <= UInt64(ioSpace.count) else {
            throw SystemError(code: EFAULT, operation: "read the IO space")
        }
        return Array(ioSpace[Int(offset)..<Int(offset) + Int(length)])
    }

    func carrier(_ carrier: any GuestCarrier, writeIOSpace offset: UInt64, bytes: RawSpan) throws(SystemError) {
        guard offset + UInt64(bytes.byteCount) <= UInt64(ioSpace.count) else {
            throw SystemError(code: EFAULT, operation: "write the IO space")
        }
        ioSpace.replaceSubrange(Int(offset)..<Int(offset) + bytes.byteCount, with: array(bytes))
    }

    func carrier(_ carrier: any GuestCarrier, closed reason: CarrierCloseReason) {
        log.append("closed")
        closed.append(reason)
        carriers.removeAll { $0 === carrier }
    }
}

/// The guest's end of a connection, driven by hand.
final class TestGuest {
    let socket: FileDescriptor
    private(set) var inbox: [String] = []
    private(set) var descriptors = DescriptorQueue()
    private(set) var isAtEnd = false
    private var parser = FrameParser()

    init(_ socket: consuming FileDescriptor) { self.socket = socket }

    func send(_ frame: Frame, descriptors: [Int32] = []) throws { try send(frame.bytes, descriptors: descriptors) }

    func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws {
        guard try Socket.send(socket.rawValue, bytes, descriptors: descriptors) == bytes.count else {
            throw SystemError(code: EAGAIN, operation: "send all of it")
        }
    }

    /// Takes everything that can be read now.
    func receive() throws {
        while !isAtEnd, let bytes = try receiveOnce() {
            isAtEnd = bytes.isEmpty
            try parser.parse(unsafe bytes.span.bytes) { _ in
            } body: { (header, payload) throws(CarrierViolation) in
                inbox.append(describe(try HostFrame(header, payload)))
                return true
            }
        }
    }

    /// A host that closes before it has read everything resets the connection; that is an end like any other.
    private func receiveOnce() throws -> [UInt8]? {
        do {
            return try Socket.receive(socket.rawValue, maximumBytes: 1 << 16, descriptors: &descriptors)
        } catch  where error.code == ECONNRESET {
            return []
        }
    }

    func takeInbox() -> [String] {
        defer { inbox = [] }
        return inbox
    }

    func takeDescriptor() -> FileDescriptor? { descriptors.takeFirst() }
}

/// A host and one guest on one loop.
struct TestConnection {
    let loop: EventLoop
    let host: TestHost
    let guest: TestGuest

    /// Connects; the guest has said nothing yet.
    init(
        _ host: TestHost = TestHost(), carriesDescriptors: Bool = true, limits: CarrierLimits = CarrierLimits()
    ) throws {
        self.host = host
        loop = try EventLoop()
        let pair = try SocketPair(.stream)
        guest = TestGuest(try pair.second.duplicate())
        host.carriers.append(
            try StreamCarrier(
                loop, socket: try pair.first.duplicate(), peer: .process(id: 1, user: 2, group: 3),
                carriesDescriptors: carriesDescriptors, limits: limits, delegate: host))
    }

    /// Lets the guest in.
    func admit(_ features: CarrierFeatures = []) throws {
        try guest.send(.hello(Hello(wantedFeatures: features, name: "test")))
        try run { guest.inbox.first?.hasPrefix("welcome") == true }
        host.log = []
        _ = guest.takeInbox()
        host.carriers = Array(host.carriers.prefix(1))
    }

    var carrier: StreamCarrier { host.carriers[0] }

    /// Runs the loop and reads as the guest until something is so.
    func run(until condition: () throws -> Bool) throws {
        for _ in 0..<1_000_000 {
            if try condition() { return }
            loop.runTurn()
            try guest.receive()
        }
        throw SystemError(code: ETIMEDOUT, operation: "wait for the carrier")
    }

    /// Sends frames and returns the next so many frames of the host.
    func ask(_ frames: Frame..., answers: Int? = nil) throws -> [String] {
        try guest.send(frames.flatMap(\.bytes))
        try run { guest.inbox.count >= answers ?? frames.count }
        return guest.takeInbox()
    }

    /// Runs until the host has ended the connection and returns what it said.
    func runToRefusal() throws -> (text: String?, reason: CarrierCloseReason?) {
        try run { guest.isAtEnd && !host.closed.isEmpty }
        #expect(host.closed.count == 1)
        #expect(host.log.last == "closed")
        return (guest.takeInbox().last, host.closed.first)
    }
}
