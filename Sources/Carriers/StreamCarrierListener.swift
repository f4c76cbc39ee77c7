public import EventLoop
public import Linux

/// Accepts guests at an endpoint and holds their connections until they are admitted.
public final class StreamCarrierListener {
    private let loop: EventLoop
    private let limits: CarrierLimits
    private weak var delegate: (any GuestCarrierDelegate)?
    private var listener: Listener?
    /// Whether descriptors that are sent reach the guest: a monitor in between keeps them.
    private let carriesDescriptors: Bool
    private var halfOpen: [ObjectIdentifier: StreamCarrier] = [:]

    /// Called when a connection could not be accepted. The listener goes on.
    public var onError: ((SystemError) -> Void)? {
        didSet { listener?.onError = onError }
    }

    /// Listens on `unix`, `vsock` or `hybrid` endpoints. Every carrier gets the limits and the delegate, which is held
    /// weakly.
    public init(
        _ loop: EventLoop, endpoint: Endpoint, permissions: UInt32 = 0o600, limits: CarrierLimits = CarrierLimits(),
        delegate: any GuestCarrierDelegate
    ) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        self.delegate = delegate
        carriesDescriptors = if case .unix = endpoint { true } else { false }
        listener = try Listener(loop, endpoint: endpoint, permissions: permissions) { [weak self] socket, peer in
            self?.accept(socket, peer)
        }
    }

    /// How many connections have sent no complete HELLO yet.
    public var halfOpenCount: Int { halfOpen.count }

    /// Stops listening, removes the socket file and refuses whoever is not admitted yet. Admitted guests stay.
    public func close() {
        listener?.close()
        listener = nil
        let waiting = halfOpen.values
        halfOpen = [:]
        for carrier in waiting { carrier.refuse(.shuttingDown, "the host shuts down") }
    }

    private func accept(_ socket: consuming FileDescriptor, _ peer: PeerIdentity) {
        guard let delegate else { return }
        do throws(SystemError) {
            let carrier = try StreamCarrier(
                loop, socket: socket, peer: peer, carriesDescriptors: carriesDescriptors, limits: limits,
                delegate: delegate)
            guard halfOpen.count < limits.halfOpenConnections else {
                carrier.refuse(.tooManyHalfOpen(limit: limits.halfOpenConnections))
                return
            }
            let key = ObjectIdentifier(carrier)
            halfOpen[key] = carrier
            carrier.onDecided = { [weak self] in self?.halfOpen[key] = nil }
        } catch {
            onError?(error)
        }
    }
}
