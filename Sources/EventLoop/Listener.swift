internal import Glibc
public import Linux

/// Accepts connections at an endpoint.
public final class Listener {
    private let loop: EventLoop
    private var socket: ListeningSocket?
    private var poll: Poll?
    private var pause: Timer?
    private var onAccept: ((consuming FileDescriptor, PeerIdentity) -> Void)?

    /// Called when a connection could not be accepted. The listener goes on.
    public var onError: ((SystemError) -> Void)?

    /// After a failure for want of descriptors or memory the connection still waits, so the descriptor stays ready; the
    /// next attempt has to wait or the loop would spin.
    private static let pauseNanoseconds: UInt64 = 100_000_000
    private static let acceptsPerTurn = 32

    /// Listens (see `ListeningSocket` about files that are in the way). `onAccept` gets a non-blocking socket and who
    /// is at its other end.
    public init(
        _ loop: EventLoop, endpoint: Endpoint, permissions: UInt32 = 0o600,
        onAccept: @escaping (consuming FileDescriptor, PeerIdentity) -> Void
    ) throws(SystemError) {
        self.loop = loop
        self.onAccept = onAccept
        let socket = try ListeningSocket(endpoint, permissions: permissions)
        self.socket = socket
        poll = try Poll(loop, descriptor: socket.descriptor.rawValue) { [weak self] _ in self?.acceptWaiting() }
        pause = Timer(loop) { [weak self] in self?.poll?.update(.readable) }
        poll?.update(.readable)
    }

    /// Where it listens.
    public var endpoint: Endpoint? { socket?.endpoint }

    /// Stops accepting and removes the socket file, if it is still the one that was made.
    public func close() {
        poll?.close()
        poll = nil
        pause?.close()
        pause = nil
        socket = nil
        onAccept = nil
        onError = nil
    }

    private func acceptWaiting() {
        for _ in 0..<Self.acceptsPerTurn {
            guard let socket else { return }
            do {
                guard let connection = try socket.accept() else { return }
                let peer = connection.peer
                onAccept?(connection.socket, peer)
            } catch {
                onError?(error)
                switch error.code {
                case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                    poll?.update([])
                    pause?.start(afterNanoseconds: Self.pauseNanoseconds)
                    return
                default:
                    continue
                }
            }
        }
    }
}
