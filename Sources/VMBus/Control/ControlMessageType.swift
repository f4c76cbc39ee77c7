/// The kinds of VMBus control messages, with their numbers (`docs/protocol/vmbus.md 1.3`).
public enum ControlMessageType: UInt32, CaseIterable, Hashable, Sendable {
    case offerChannel = 1
    case rescindChannelOffer = 2
    case requestOffers = 3
    case allOffersDelivered = 4
    case openChannel = 5
    case openChannelResult = 6
    case closeChannel = 7
    case gpadlHeader = 8
    case gpadlBody = 9
    case gpadlCreated = 10
    case gpadlTeardown = 11
    case gpadlTorndown = 12
    case relidReleased = 13
    case initiateContact = 14
    case versionResponse = 15
    case unload = 16
    case unloadResponse = 17
    case openReservedChannel = 18
    case closeReservedChannel = 19
    case closeReservedResponse = 20
    case tlConnectRequest = 21
    case modifyChannel = 22
    case tlConnectResult = 23
    case modifyChannelResponse = 24
    case modifyConnection = 25
    case modifyConnectionResponse = 26
    case pause = 27
    case pauseResponse = 28
    case resume = 29

    /// Which side sends messages of this kind.
    public enum Sender: Hashable, Sendable {
        case guest
        case host
    }

    /// Bytes of the header that every message begins with: the type and four bytes of padding.
    public static let headerSize = 8

    /// Most bytes that a control message can have: what a hypervisor message carries (`docs/protocol/vmbus.md 1.1`).
    public static let maximumMessageSize = 240

    /// Which side sends messages of this kind.
    public var sender: Sender { facts.sender }

    /// Bytes of the structure without a trailing part: the least a receiver accepts and what a sender sends.
    public var size: Int { facts.size }

    /// The first version that has this message; nil for the messages of 6.0, which no served version has.
    public var since: ProtocolVersion? { facts.since }

    /// The name used by the protocol's other implementations, for logs.
    public var name: String { facts.name }

    private var facts: (name: String, sender: Sender, size: Int, since: ProtocolVersion?) {
        switch self {
        case .offerChannel: ("OFFERCHANNEL", .host, 196, .v2_4)
        case .rescindChannelOffer: ("RESCIND_CHANNELOFFER", .host, 12, .v2_4)
        case .requestOffers: ("REQUESTOFFERS", .guest, 8, .v2_4)
        case .allOffersDelivered: ("ALLOFFERS_DELIVERED", .host, 8, .v2_4)
        case .openChannel: ("OPENCHANNEL", .guest, 148, .v2_4)
        case .openChannelResult: ("OPENCHANNEL_RESULT", .host, 20, .v2_4)
        case .closeChannel: ("CLOSECHANNEL", .guest, 12, .v2_4)
        case .gpadlHeader: ("GPADL_HEADER", .guest, 20, .v2_4)
        case .gpadlBody: ("GPADL_BODY", .guest, 16, .v2_4)
        case .gpadlCreated: ("GPADL_CREATED", .host, 20, .v2_4)
        case .gpadlTeardown: ("GPADL_TEARDOWN", .guest, 16, .v2_4)
        case .gpadlTorndown: ("GPADL_TORNDOWN", .host, 12, .v2_4)
        case .relidReleased: ("RELID_RELEASED", .guest, 12, .v2_4)
        case .initiateContact: ("INITIATE_CONTACT", .guest, 40, .v2_4)
        case .versionResponse: ("VERSION_RESPONSE", .host, 16, .v2_4)
        case .unload: ("UNLOAD", .guest, 8, .v2_4)
        case .unloadResponse: ("UNLOAD_RESPONSE", .host, 8, .v2_4)
        case .openReservedChannel: ("OPEN_RESERVED_CHANNEL", .guest, 28, .v4_0)
        case .closeReservedChannel: ("CLOSE_RESERVED_CHANNEL", .guest, 20, .v4_0)
        case .closeReservedResponse: ("CLOSE_RESERVED_RESPONSE", .host, 12, .v4_0)
        case .tlConnectRequest: ("TL_CONNECT_REQUEST", .guest, 40, .v4_0)
        case .modifyChannel: ("MODIFYCHANNEL", .guest, 16, .v4_1)
        case .tlConnectResult: ("TL_CONNECT_RESULT", .host, 44, .v4_1)
        case .modifyChannelResponse: ("MODIFYCHANNEL_RESPONSE", .host, 16, .v5_3)
        case .modifyConnection: ("MODIFY_CONNECTION", .guest, 24, nil)
        case .modifyConnectionResponse: ("MODIFY_CONNECTION_RESPONSE", .host, 9, nil)
        case .pause: ("PAUSE", .guest, 8, nil)
        case .pauseResponse: ("PAUSE_RESPONSE", .host, 8, nil)
        case .resume: ("RESUME", .guest, 8, nil)
        }
    }
}
