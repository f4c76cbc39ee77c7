import Carriers
import Configuration
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
    /// How workers are run.
    let workerOptions: WorkerOptions

    private var listeners: [StreamCarrierListener] = []
    private var ivshmemListeners: [IvshmemListener] = []
    private var dialers: [Dialer] = []
    /// The listeners hold them weakly.
    private var doorkeepers: [Doorkeeper] = []
    var sessions: [GuestID: GuestSession] = [:]
    var spaces: [AddressSpaceID: SpaceWorker] = [:]
    /// Closed address spaces whose process has not been collected yet.
    var closingSpaces: [AddressSpaceID: SpaceWorker] = [:]
    private var lastGuest: UInt32 = 0
    private var control: ControlServer?

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
        model = SoftGPU(options: options.settings.modelOptions)
        log = GuestLog(logger: logger)
        let engines = options.settings.adapters.map(\.nodes.count).max() ?? 1
        var workers = WorkerOptions(executable: options.workerExecutable, lanes: options.lanes, engines: engines)
        workers.abortPatienceNanoseconds = options.settings.workers.abortPatienceNanoseconds
        workers.startPatienceNanoseconds = options.settings.workers.startPatienceNanoseconds
        workerOptions = workers
        deadlineTimer = Timer(loop) { [weak self] in self?.deadlineReached() }
        do throws(SystemError) {
            for index in options.settings.listeners.indices { try listen(index) }
            let settings = options.settings.control
            control = try settings.path.map { (path) throws(SystemError) in
                try ControlServer(loop, path: path, permissions: settings.permissions, log: log) {
                    [unowned self] in self.answer($0)
                }
            }
        } catch {
            closeListeners()
            deadlineTimer?.close()
            throw error
        }
    }

    /// The number of connected guests.
    public var guestCount: Int { sessions.count }

    // MARK: Guests come

    private func listen(_ index: Int) throws(SystemError) {
        let settings = options.settings.listeners[index]
        let endpoint = settings.endpoint
        let doorkeeper = Doorkeeper(listener: index, server: self)
        doorkeepers.append(doorkeeper)
        if case .hybridDial = endpoint {
            return dialers.append(Dialer(loop, endpoint: endpoint, log: log, delegate: doorkeeper))
        }
        var limits = CarrierLimits()
        limits.halfOpenConnections = options.settings.limits.halfOpenConnections
        if case .ivshmem = endpoint {
            let listener = try IvshmemListener(
                loop, endpoint: endpoint, permissions: settings.permissions, limits: limits, delegate: doorkeeper)
            listener.onError = { [log] error in log.server(.warning, "\(endpoint): \(error)") }
            ivshmemListeners.append(listener)
            return log.server(.info, "listening on \(endpoint)")
        }
        let listener = try StreamCarrierListener(
            loop, endpoint: endpoint, permissions: settings.permissions, limits: limits, delegate: doorkeeper)
        listener.onError = { [log] error in log.server(.warning, "\(endpoint): \(error)") }
        listeners.append(listener)
        log.server(.info, "listening on \(endpoint)")
    }

    /// A connection has ended, with or without a guest.
    func connectionEnded(_ carrier: any GuestCarrier) {
        for dialer in dialers { dialer.ended(carrier) }
    }

    /// Lets a guest in that its listener knows, if there is room for it.
    func admit(
        _ hello: Hello, as guestID: GUID, name: String, _ settings: GuestSettings, from carrier: any GuestCarrier,
        peer: PeerIdentity
    ) -> AdmissionDecision {
        guard phase == .running else { return .refuse(.shuttingDown, "the server is shutting down") }
        let limit = options.settings.limits.guests
        guard sessions.count < limit else { return .refuse(.guestLimit, "the limit of \(limit) guests is reached") }
        if guestID != .zero, sessions.values.contains(where: { $0.guestID == guestID }) {
            return .refuse(.guestAlreadyConnected, "guest \(guestID) is connected")
        }
        lastGuest += 1
        let id = GuestID(rawValue: lastGuest)
        do throws(SystemError) {
            let session = try GuestSession(
                id: id, guestID: guestID, name: name, settings: settings, carrier: carrier, server: self)
            sessions[id] = session
            for dialer in dialers { dialer.admitted(carrier) }
            carrier.delegate = session
            log.server(.info, "\(id) \(name.quotedForLog) connected from \(peer)")
            perform(model.connect(id, options: session.modelOptions, at: now))
            return .admit(session.admission)
        } catch {
            return .refuse(.resourceLimit, "no memory for the guest: \(error)")
        }
    }

    /// The guest whose machine has its RAM in this file, by whatever name.
    func session(withRAM file: SharedMemory) throws(SystemError) -> GuestSession? {
        let status = try file.descriptor.status()
        for session in sessions.values {
            guard let other = try session.ram?.descriptor.status() else { continue }
            if (other.device, other.inode) == (status.device, status.inode) { return session }
        }
        return nil
    }

    /// A guest is gone: its machine was switched off.
    func sessionClosed(_ session: GuestSession, reason: String) {
        guard sessions.removeValue(forKey: session.id) != nil else { return }
        log.server(.info, "\(session.id) disconnected: \(reason)")
        log.forget(session.id)
        connectionEnded(session.carrier)
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
        timer.start(afterNanoseconds: options.settings.drainNanoseconds)
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
        for dialer in dialers { dialer.refuse(.shuttingDown, "the server is shutting down") }
        dialers.removeAll()
        for session in sessions.values.sorted(by: { $0.id < $1.id }) {
            session.carrier.refuse(.shuttingDown, "the server is shutting down")
            sessionClosed(session, reason: "the server is shutting down")
        }
        control?.close()
        deadlineTimer?.close()
        deadlineTimer = nil
        log.server(.info, "stopped")
        onEnd?()
        onEnd = nil
    }

    private func closeListeners() {
        for listener in listeners { listener.close() }
        listeners.removeAll()
        for listener in ivshmemListeners { listener.close() }
        ivshmemListeners.removeAll()
        for dialer in dialers { dialer.close() }
    }
}
