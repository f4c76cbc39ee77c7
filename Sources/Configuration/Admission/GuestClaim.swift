public import Linux
public import VMBus

/// What a connection says of itself, and what the kernel says of it.
public struct GuestClaim: Sendable {
    /// From the kernel.
    public var peer: PeerIdentity
    /// From HELLO (docs/protocol/carrier.md, Types); zero: the host chooses.
    public var id: GUID
    /// From HELLO.
    public var name: String
    /// From HELLO; empty: none.
    public var token: [UInt8]

    public init(peer: PeerIdentity, id: GUID = .zero, name: String = "", token: [UInt8] = []) {
        self.peer = peer
        self.id = id
        self.name = name
        self.token = token
    }
}

/// Who a connection is.
public enum GuestAdmission: Sendable {
    /// A guest that the configuration names.
    case named(NamedGuest)
    /// A guest that it does not name, with what such guests get.
    case unnamed(GuestSettings)
    /// Nobody that may come in here, and why: REFUSED code 3.
    case refused(String)
}
