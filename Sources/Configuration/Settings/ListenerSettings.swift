public import Linux

/// One place where guests connect, and who may.
public struct ListenerSettings: Sendable {
    public var endpoint: Endpoint
    /// Permission bits of the socket file that the listener makes.
    public var permissions: UInt32 = 0o600
    /// The users whose processes may connect over a unix socket, by number; nil: whoever the file lets in.
    public var users: [UInt32]?
    /// Whether processes of this machine may connect over vsock, where no file keeps anybody out.
    public var allowsLoopback = false
    /// The names of the guests that may come here; nil: any, those without a name included.
    public var guests: [String]?
    /// What every guest that comes here must know; a guest's own token does as well.
    public var token: Secret?
    /// Where the token was read from.
    public var tokenFile: String?

    public init(endpoint: Endpoint) { self.endpoint = endpoint }

    /// Context ids below this are no virtual machine: the hypervisor, this machine by itself, and its host.
    private static let firstGuestCID: UInt32 = 3

    /// Why the listener has nothing to do with a peer; nil if it may go on to say who it is.
    public func refusal(of peer: PeerIdentity) -> String? {
        switch peer {
        case .process(_, let user, _):
            if let users, !users.contains(user) { return "user \(user) is not among the listener's users" }
        case .vsock(let cid, _):
            if !allowsLoopback, cid < Self.firstGuestCID { return "context id \(cid) is no virtual machine's" }
        }
        return nil
    }

    static func template(_: Settings) -> ListenerSettings { ListenerSettings(endpoint: .unix(path: "")) }

    static let schema = Schema<ListenerSettings>(
        fields: [
            .value("endpoint", \.endpoint, .endpoint, isRequired: true),
            .value("permissions", \.permissions, .permissions),
            .list("users", \.users, of: .number(0...(.max - 1)), "user numbers", count: 0...256, or: "any"),
            .value("allow-loopback", \.allowsLoopback, .boolean),
            .list("guests", \.guests, of: .name, "guests' names", count: 0...4096, or: "any"),
            .value("token", \.token, .optional(.token, or: "none")),
            .value("token-file", \.tokenFile, .optional(.path("a file with a token"), or: "none")),
        ],
        check: { listener, place in
            let endpoint = listener.endpoint
            func mustNotHave(_ key: String, _ allowed: String) {
                if place[key].isGiven { place[key].report("the key is not for \(endpoint); allowed: with \(allowed)") }
            }
            switch endpoint {
            case .unix, .hybrid: mustNotHave("allow-loopback", "vsock:")
            case .vsock:
                mustNotHave("permissions", "unix:, hybrid: and ivshmem:")
                mustNotHave("users", "unix:, hybrid:, hybrid-dial: and ivshmem:")
            case .ivshmem:
                mustNotHave("allow-loopback", "vsock:")
                // QEMU says nothing of its guest.
                mustNotHave("token", "others")
                mustNotHave("token-file", "others")
            case .hybridDial:
                mustNotHave("permissions", "unix:, hybrid: and ivshmem:")
                mustNotHave("allow-loopback", "vsock:")
            }
            TokenFile.read(listener.tokenFile, into: &listener.token, at: place)
        })
}
