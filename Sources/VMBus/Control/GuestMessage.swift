/// A control message from the guest to the host (`docs/protocol/vmbus.md 1.3`).
///
/// The host decodes only this type, so a guest that sends one of the host's own kinds gets a typed error and reaches
/// no code that would have to deal with it. The guest library encodes it.
public enum GuestMessage: Hashable, Sendable {
    case requestOffers
    case openChannel(OpenChannel)
    case closeChannel(relid: UInt32)
    case gpadlHeader(GPADLHeader)
    case gpadlBody(GPADLBody)
    case gpadlTeardown(GPADLTeardown)
    case relidReleased(relid: UInt32)
    case initiateContact(InitiateContact)
    case unload
    case tlConnectRequest(TLConnectRequest)
    case modifyChannel(ModifyChannel)

    /// Reads a message that a guest sent.
    public init(decoding bytes: RawSpan) throws(ControlMessageError) {
        let type = try ControlMessageType(decoding: bytes, from: .guest)
        switch type {
        case .requestOffers: self = .requestOffers
        case .openChannel: self = .openChannel(OpenChannel(decoding: bytes))
        case .closeChannel: self = .closeChannel(relid: RelidPayload(decoding: bytes).relid)
        case .gpadlHeader: self = .gpadlHeader(GPADLHeader(decoding: bytes))
        case .gpadlBody: self = .gpadlBody(GPADLBody(decoding: bytes))
        case .gpadlTeardown: self = .gpadlTeardown(GPADLTeardown(decoding: bytes))
        case .relidReleased: self = .relidReleased(relid: RelidPayload(decoding: bytes).relid)
        case .initiateContact: self = .initiateContact(InitiateContact(decoding: bytes))
        case .unload: self = .unload
        case .tlConnectRequest: self = .tlConnectRequest(TLConnectRequest(decoding: bytes))
        case .modifyChannel: self = .modifyChannel(ModifyChannel(decoding: bytes))
        default: throw .unsupportedType(type)
        }
    }

    /// The kind of this message.
    public var type: ControlMessageType {
        switch self {
        case .requestOffers: .requestOffers
        case .openChannel: .openChannel
        case .closeChannel: .closeChannel
        case .gpadlHeader: .gpadlHeader
        case .gpadlBody: .gpadlBody
        case .gpadlTeardown: .gpadlTeardown
        case .relidReleased: .relidReleased
        case .initiateContact: .initiateContact
        case .unload: .unload
        case .tlConnectRequest: .tlConnectRequest
        case .modifyChannel: .modifyChannel
        }
    }

    /// The bytes of this message.
    public func encoded() -> [UInt8] {
        switch self {
        case .requestOffers, .unload: type.encodedHeader()
        case .closeChannel(let relid), .relidReleased(let relid): RelidPayload(relid: relid).encoded(as: type)
        case .openChannel(let payload): payload.encoded(as: type)
        case .gpadlHeader(let payload): payload.encoded(as: type)
        case .gpadlBody(let payload): payload.encoded(as: type)
        case .gpadlTeardown(let payload): payload.encoded(as: type)
        case .initiateContact(let payload): payload.encoded(as: type)
        case .tlConnectRequest(let payload): payload.encoded(as: type)
        case .modifyChannel(let payload): payload.encoded(as: type)
        }
    }
}
