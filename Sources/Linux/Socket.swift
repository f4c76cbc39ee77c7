internal import CLinux
internal import Glibc

/// What a socket keeps of the sender's structure.
public enum SocketKind: Sendable {
    /// A stream of bytes.
    case stream
    /// Whole messages in order.
    case sequentialPacket

    var rawValue: Int32 {
        switch self {
        case .stream: Int32(SOCK_STREAM.rawValue)
        case .sequentialPacket: Int32(SOCK_SEQPACKET.rawValue)
        }
    }
}

/// Two connected unix sockets.
@frozen
public struct SocketPair: ~Copyable {
    public let first: FileDescriptor
    public let second: FileDescriptor

    /// Connects two new close-on-exec sockets with each other.
    public init(_ kind: SocketKind, nonBlocking: Bool = true) throws(SystemError) {
        var numbers: [2 of Int32] = [-1, -1]
        // SAFETY: the call fills the two numbers before it returns.
        _ = try systemCall("create a socket pair") {
            var span = numbers.mutableSpan
            return unsafe span.withUnsafeMutableBufferPointer {
                unsafe linux_socketpair(kind.rawValue, nonBlocking ? 1 : 0, $0.baseAddress!)
            }
        }
        first = FileDescriptor(owning: numbers[0])
        second = FileDescriptor(owning: numbers[1])
    }
}

/// A connection that a listening socket accepted.
@frozen
public struct AcceptedConnection: ~Copyable {
    /// The socket: non-blocking, close-on-exec.
    public let socket: FileDescriptor
    /// Who is at the other end.
    public let peer: PeerIdentity
}

/// Calls on stream and packet sockets. Every new socket is close-on-exec.
public enum Socket {
    /// Connects and waits until that is done. The socket waits in later calls too, unless `nonBlocking` is set.
    ///
    /// A `hybrid` endpoint is the monitor's side of it. A `hybridDial` endpoint gives the monitor's socket before the
    /// `CONNECT` line.
    public static func connect(to endpoint: Endpoint, nonBlocking: Bool = false) throws(SystemError) -> FileDescriptor {
        let socket = try make(endpoint.family, nonBlocking: false)
        let number = socket.rawValue
        let result = unsafe try endpoint.withAddress { address, length in
            unsafe Glibc.connect(number, address, length) == 0 ? 0 : errno
        }
        if result == EINTR {
            try waitUntilConnected(number, endpoint)
        } else if result != 0 {
            throw SystemError(code: result, operation: "connect to \(endpoint)")
        }
        if nonBlocking { try socket.setNonBlocking(true) }
        return socket
    }

    /// Starts to connect a non-blocking socket. It is writable when the attempt has ended; `connectionError` then says
    /// how. A unix listener whose queue is full is EAGAIN.
    public static func startConnecting(to endpoint: Endpoint) throws(SystemError) -> FileDescriptor {
        let socket = try make(endpoint.family, nonBlocking: true)
        let number = socket.rawValue
        let result = unsafe try endpoint.withAddress { address, length in
            unsafe Glibc.connect(number, address, length) == 0 ? 0 : errno
        }
        guard result == 0 || result == EINPROGRESS || result == EINTR else {
            throw SystemError(code: result, operation: "connect to \(endpoint)")
        }
        return socket
    }

    /// The pending error of a socket, which is then cleared: 0 for none.
    public static func connectionError(_ socket: Int32) -> Int32 {
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: the call fills the local variable, whose size it is told.
        let result = unsafe getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length)
        return result == 0 ? code : errno
    }

    /// A listening, non-blocking socket. The file of a unix socket gets the given permissions from the start. An
    /// address that is taken is EADDRINUSE: `ListeningSocket` knows what to do about that.
    static func listen(on endpoint: Endpoint, permissions: UInt32, backlog: Int32) throws(SystemError) -> FileDescriptor
    {
        let socket = try make(endpoint.family, nonBlocking: true)
        let number = socket.rawValue
        if endpoint.family == AF_UNIX {
            _ = try systemCall("set the permissions of \(endpoint)") { fchmod(number, mode_t(permissions)) }
        }
        let bound = unsafe try endpoint.withAddress { address, length in
            unsafe bind(number, address, length) == 0 ? 0 : errno
        }
        if bound != 0 { throw SystemError(code: bound, operation: "bind \(endpoint)") }
        _ = try systemCall("listen on \(endpoint)") { Glibc.listen(number, backlog) }
        return socket
    }

    /// The next waiting connection, or nothing.
    public static func accept(_ listener: Int32) throws(SystemError) -> AcceptedConnection? {
        var address = sockaddr_vm()
        var length = socklen_t(MemoryLayout<sockaddr_vm>.size)
        // SAFETY: the kernel writes at most `length` bytes of the peer's address; a longer unix address is cut off, of
        // which only the family is looked at.
        let number = try nonblockingSystemCall("accept a connection") {
            unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe linux_accept(listener, $0, &length)
                }
            }
        }
        guard let number else { return nil }
        let socket = FileDescriptor(owning: number)
        if Int32(address.svm_family) == AF_VSOCK {
            return AcceptedConnection(socket: socket, peer: .vsock(cid: address.svm_cid, port: address.svm_port))
        }
        return AcceptedConnection(socket: socket, peer: try PeerIdentity.ofUnixSocket(number))
    }

    private static func make(_ family: Int32, nonBlocking: Bool) throws(SystemError) -> FileDescriptor {
        FileDescriptor(
            owning: try systemCall("create a socket") {
                linux_socket(family, SocketKind.stream.rawValue, nonBlocking ? 1 : 0)
            })
    }

    private static func waitUntilConnected(_ socket: Int32, _ endpoint: Endpoint) throws(SystemError) {
        var entry = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        // SAFETY: poll reads and writes the one local entry.
        _ = try systemCall("connect to \(endpoint)") { unsafe poll(&entry, 1, -1) }
        let code = connectionError(socket)
        if code != 0 { throw SystemError(code: code, operation: "connect to \(endpoint)") }
    }
}
