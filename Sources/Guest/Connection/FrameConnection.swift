public import Carriers
internal import Glibc
public import Linux
internal import Synchronization

/// A connection that carries frames, and nothing more: no state of a guest, no check of what is sent. `GuestMachine` is
/// built on it; tests of a host's defences use it alone, with a `FrameReader` for the answers.
///
/// Several threads may send.
public final class FrameConnection: Sendable {
    /// The connected socket.
    public let socket: FileDescriptor

    private let sending = Mutex(())

    /// Takes over a connected stream socket, which waits in its calls.
    public init(adopting socket: consuming FileDescriptor) {
        self.socket = socket
    }

    /// Connects to a host.
    public convenience init(to endpoint: Endpoint) throws(GuestError) {
        do throws(SystemError) {
            self.init(adopting: try Socket.connect(to: endpoint))
        } catch {
            throw .system(error)
        }
    }

    /// Sends bytes as they are, and descriptors with the first of them.
    public func send(_ bytes: [UInt8], descriptors: [Int32] = []) throws(GuestError) {
        let number = socket.rawValue
        do throws(SystemError) {
            try sending.withLock { (_) throws(SystemError) in
                var sent = 0
                while sent < bytes.count {
                    // SAFETY: the span borrows the array for the call.
                    let rest = unsafe bytes.span.bytes.extracting(droppingFirst: sent)
                    sent += try Socket.send(number, rest, descriptors: sent == 0 ? descriptors : []) ?? 0
                }
            }
        } catch {
            throw .disconnected(reason: error.description)
        }
    }

    /// Sends a frame, and descriptors with it.
    public func send(_ frame: Frame, descriptors: [Int32] = []) throws(GuestError) {
        try send(frame.bytes, descriptors: descriptors)
    }

    /// Ends the connection in both directions: who receives sees the end of the stream.
    public func shutDown() {
        _ = Glibc.shutdown(socket.rawValue, Int32(SHUT_RDWR))
    }
}
