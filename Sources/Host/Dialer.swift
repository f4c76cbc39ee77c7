import Carriers
import EventLoop
import Linux
import Logging

/// Keeps a connection to a guest that is reached through its monitor (docs/protocol/carrier.md, Hybrid vsock): the
/// monitor may come after the server, and its guest may go and come back.
final class Dialer {
    private let loop: EventLoop
    private let endpoint: Endpoint
    private let log: GuestLog
    private weak var delegate: (any GuestCarrierDelegate)?
    private var connector: Connector?
    private var retry: Timer?
    /// The connection, until its guest is admitted and has an owner of its own.
    private var carrier: StreamCarrier?
    private var connection: ObjectIdentifier?
    /// Told once, however often it comes.
    private var lastError: SystemError?

    private static let retryNanoseconds: UInt64 = 500_000_000

    init(_ loop: EventLoop, endpoint: Endpoint, log: GuestLog, delegate: any GuestCarrierDelegate) {
        self.loop = loop
        self.endpoint = endpoint
        self.log = log
        self.delegate = delegate
        retry = Timer(loop) { [weak self] in self?.connect() }
        log.server(.info, "connecting to \(endpoint)")
        connect()
    }

    private func connect() {
        connector = Connector(loop, to: endpoint) { [weak self] result in self?.attemptEnded(result) }
    }

    private func attemptEnded(_ result: consuming Result<FileDescriptor, SystemError>) {
        connector = nil
        guard let delegate else { return }
        do throws(SystemError) {
            let socket = try result.get()
            let peer = try PeerIdentity.ofUnixSocket(socket.rawValue)
            let carrier = try StreamCarrier(
                loop, socket: socket, peer: peer, carriesDescriptors: false, delegate: delegate)
            self.carrier = carrier
            connection = ObjectIdentifier(carrier)
            lastError = nil
        } catch {
            if error != lastError { log.server(.warning, "\(endpoint): \(error)") }
            lastError = error
            retry?.start(afterNanoseconds: Self.retryNanoseconds)
        }
    }

    /// The guest behind this carrier has an owner now.
    func admitted(_ carrier: any GuestCarrier) {
        if connection == ObjectIdentifier(carrier) { self.carrier = nil }
    }

    /// A connection has ended; if it was this one, the next attempt follows.
    func ended(_ carrier: any GuestCarrier) {
        guard connection == ObjectIdentifier(carrier) else { return }
        self.carrier = nil
        connection = nil
        retry?.start(afterNanoseconds: Self.retryNanoseconds)
    }

    /// Makes no more attempts.
    func close() {
        connector?.close()
        connector = nil
        retry?.close()
        retry = nil
    }

    /// Ends a connection whose guest was not admitted yet.
    func refuse(_ code: RefusalCode, _ text: String) {
        carrier?.refuse(code, text)
        carrier = nil
    }
}
