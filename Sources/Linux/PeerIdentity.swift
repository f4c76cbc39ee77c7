internal import CLinux
internal import Glibc

/// What the kernel says about the other end of a connection. Nothing that the peer itself claims is in it.
public enum PeerIdentity: Hashable, Sendable, CustomStringConvertible {
    /// A process on this machine at the time it connected. For a virtual machine that is its monitor
    /// (docs/protocol/vmbus.md 3.4).
    case process(id: Int32, user: UInt32, group: UInt32)
    /// A vsock address: the context id is the virtual machine's.
    case vsock(cid: UInt32, port: UInt32)

    public var description: String {
        switch self {
        case .process(let id, let user, let group): "process \(id) of user \(user), group \(group)"
        case .vsock(let cid, let port): "vsock \(cid):\(port)"
        }
    }

    /// Whether descriptors can be passed over the connection.
    public var carriesDescriptors: Bool {
        if case .process = self { true } else { false }
    }

    /// The process at the other end of a unix socket. The call succeeds for other families too, with a user of -1: that
    /// is an error here.
    public static func ofUnixSocket(_ socket: Int32) throws(SystemError) -> PeerIdentity {
        var process: Int32 = 0
        var user = UInt32.max
        var group = UInt32.max
        // SAFETY: the call fills the three local variables before it returns.
        _ = try systemCall("read the peer's credentials") {
            unsafe linux_peer_credentials(socket, &process, &user, &group)
        }
        guard user != .max else { throw SystemError(code: EACCES, operation: "read the peer's credentials") }
        return .process(id: process, user: user, group: group)
    }
}
