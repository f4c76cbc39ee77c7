public import EventLoop
public import Linux

/// Accepts QEMU's connections at an `ivshmem` endpoint: each is a virtual machine.
public final class IvshmemListener {
    private let loop: EventLoop
    private let limits: CarrierLimits
    private weak var delegate: (any GuestCarrierDelegate)?
    private var listener: Listener?

    /// Called when a connection could not be accepted. The listener goes on.
    public var onError: ((SystemError) -> Void)? {
        didSet { listener?.onError = onError }
    }

    /// Listens. Every carrier gets the limits and the delegate, which is held weakly and keeps those that it admits.
    public init(
        _ loop: EventLoop, endpoint: Endpoint, permissions: UInt32 = 0o600, limits: CarrierLimits = CarrierLimits(),
        delegate: any GuestCarrierDelegate
    ) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        self.delegate = delegate
        listener = try Listener(loop, endpoint: endpoint, permissions: permissions) { [weak self] socket, peer in
            self?.accept(socket, peer)
        }
    }

    /// Stops listening and removes the socket file. Admitted guests stay.
    public func close() {
        listener?.close()
        listener = nil
    }

    private func accept(_ socket: consuming FileDescriptor, _ peer: PeerIdentity) {
        guard let delegate else { return }
        do throws(SystemError) {
            let carrier = try IvshmemCarrier(loop, socket: socket, peer: peer, limits: limits, delegate: delegate)
            carrier.admit()
        } catch {
            onError?(error)
        }
    }
}
