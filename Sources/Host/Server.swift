import Carriers
public import EventLoop
public import Linux
public import Logging
import SoftGPU
import VMBus
import Workers

/// The running server: listens for guests, and carries the model's effects out.
///
/// One thread, the event loop's, owns everything. A guest's bytes come in through its ``GuestSession``, become inputs
/// of the model, and the model's effects go to the guest's carrier, its memory files and the workers of its address
/// spaces (`Server+Effects.swift`). Nothing here waits for a guest or a worker.
public final class Server {
    public let options: ServerOptions
    let loop: EventLoop
    let model: SoftGPU
    let log: GuestLog

    private var listeners: [StreamCarrierListener] = []
    private var dialers: [Connector] = []
    var sessions: [GuestID: GuestSession] = [:]
    /// Connections that this side made, whose guest has not been admitted yet.
    private var dialed: [ObjectIdentifier: StreamCarrier] = [:]
    var spaces: [AddressSpaceID: SpaceWorker] = [:]
    /// Closed address spaces whose process has not been collected yet.
    var closingSpaces: [AddressSpaceID: SpaceWorker] = [:]
    private var lastGuest: UInt32 = 0

    private var effects: [Effect] = []
    private var isPerforming = false
    private var deadlineTimer: Timer?

    /// Called once when the server has ended and holds nothing of the loop any more.
    public var onEnd: (() -> Void)?

    private enum Phase { case running, draining, ended }
    private var phase = Phase.running
    private var drainTimer: Timer?

    /// Makes a server and its listeners; all of them accept when this returns.
    ///
    /// Throws where an endpoint cannot be listened on; nothing is left behind then.
    public init(options: ServerOptions, loop: EventLoop, logger: Logger) throws(SystemError) {
        self.options = options
        self.loop = loop
        var model = SoftGPUOptions(adapters: options.adapters)
        model.timeouts = options.timeouts
        self.model = SoftGPU(options: model)
        log = GuestLog(logger: logger)
        deadlineTimer = Timer(loop) { [weak self] in self?.deadlineReached() }
        do throws(SystemError) {
            for endpoint in options.endpoints { try listen(on: endpoint) }
        } catch {
            closeListeners()
            deadlineTimer?.close()
            throw error
        }
    }

    /// The number of connected guests.
    public var guestCount: Int { sessions.count }

    // MARK: Guests come

    private func listen(on endpoint: Endpoint) throws(SystemError) {
        if case .hybridDial = endpoint { return dial(endpoint) }
        let listener = try StreamCarrierListener(loop, endpoint: endpoint, delegate: self)
        listener.onError = { [log] error in log.server(.warning, "\(endpoint): \(error)") }
        listeners.append(listener)
        log.server(.info, "listening on \(endpoint)")
    }

    /// Connects to a guest through its monitor, which need not be there yet.
    private func dial(_ endpoint: Endpoint) {
        dialers.append(
            Connector(loop, to: endpoint) { [weak self] result in
                guard let self else { return }
                do throws(SystemError) {
                    let socket = try result.get()
                    let peer = try PeerIdentity.ofUnixSocket(socket.rawValue)
                    let carrier = try StreamCarrier(
                        loop, socket: socket, peer: peer, carriesDescriptors: false, delegate: self)
                    dialed[ObjectIdentifier(carrier)] = carrier
                } catch {
                    log.server(.warning, "\(endpoint): \(error)")
                }
            })
        log.server(.info, "connecting to \(endpoint)")
    }

    func forget(_ carrier: StreamCarrier) { dialed[ObjectIdentifier(carrier)] = nil }

    /// Decides on a guest that has said who it is.
    func admit(_ hello: Hello, from carrier: StreamCarrier, peer: PeerIdentity) -> AdmissionDecision {
        guard phase == .running else { return .refuse(.shuttingDown, "the server is shutting down") }
        guard sessions.count < options.guests.maximumGuests else {
            return .refuse(.guestLimit, "the limit of \(options.guests.maximumGuests) guests is reached")
        }
        if hello.guestID != .zero, sessions.values.contains(where: { $0.guestID == hello.guestID }) {
            return .refuse(.guestAlreadyConnected, "guest \(hello.guestID) is connected")
        }
        lastGuest += 1
        let id = GuestID(rawValue: lastGuest)
        do throws(SystemError) {
            let session = try GuestSession(id: id, hello: hello, carrier: carrier, server: self)
            sessions[id] = session
            forget(carrier)
            carrier.delegate = session
            log.server(.info, "\(id) '\(hello.name)' connected from \(peer)")
            perform(model.connect(id, options: session.modelOptions, at: now))
            return .admit(session.admission)
        } catch {
            return .refuse(.resourceLimit, "no memory for the guest: \(error)")
        }
    }

    /// A guest is gone: its machine was switched off.
    func sessionClosed(_ session: GuestSession, reason: String) {
        guard sessions.removeValue(forKey: session.id) != nil else { return }
        log.server(.info, "\(session.id) disconnected: \(reason)")
        log.forget(session.id)
        // The model's effects on the guest find no session any more; those on workers end them.
        perform(model.disconnect(session.id, at: now))
        if phase == .draining { continueDraining() }
    }

    // MARK: The model

    var now: Instant { Instant(nanoseconds: loop.now) }

    /// Carries effects out in order, those included that carrying out has.
    func perform(_ list: [Effect]) {
        effects += list
        guard !isPerforming else { return }
        isPerforming = true
        var position = 0
        while position < effects.count {
            let effect = effects[position]
            position += 1
            carryOut(effect)
        }
        effects.removeAll(keepingCapacity: true)
        isPerforming = false
        armDeadline()
    }

    private func armDeadline() {
        if let deadline = model.nextDeadline {
            deadlineTimer?.start(at: deadline.nanoseconds)
        } else {
            deadlineTimer?.stop()
        }
    }

    private func deadlineReached() { perform(model.advance(to: now)) }

    // MARK: The end

    /// Takes no more guests, lets running work end for a while, then ends the guests and the loop's work.
    public func drain() {
        guard phase == .running else { return }
        phase = .draining
        log.server(.info, "draining: \(sessions.count) guests")
        closeListeners()
        let timer = Timer(loop) { [weak self] in self?.finish() }
        timer.start(afterNanoseconds: options.drainNanoseconds)
        drainTimer = timer
        continueDraining()
    }

    func continueDraining() {
        if phase == .draining, !spaces.values.contains(where: \.isBusy) { finish() }
    }

    /// Ends everything now.
    public func finish() {
        guard phase != .ended else { return }
        phase = .ended
        closeListeners()
        drainTimer?.close()
        for carrier in dialed.values { carrier.refuse(.shuttingDown, "the server is shutting down") }
        dialed.removeAll()
        for session in sessions.values.sorted(by: { $0.id < $1.id }) {
            session.carrier.refuse(.shuttingDown, "the server is shutting down")
            sessionClosed(session, reason: "the server is shutting down")
        }
        deadlineTimer?.close()
        deadlineTimer = nil
        log.server(.info, "stopped")
        onEnd?()
        onEnd = nil
    }

    private func closeListeners() {
        for listener in listeners { listener.close() }
        listeners.removeAll()
        for dialer in dialers { dialer.close() }
        dialers.removeAll()
    }
}
