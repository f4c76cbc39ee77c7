/// A control message from the host to the guest (`docs/protocol/vmbus.md 1.3`).
///
/// The host encodes it, always in the full size of its structure, since Linux drops messages that are shorter than the
/// structure it expects. The guest library decodes it.
public enum HostMessage: Hashable, Sendable {
    case offerChannel(OfferChannel)
    case rescindChannelOffer(relid: UInt32)
    case allOffersDelivered
    case openChannelResult(OpenChannelResult)
    case gpadlCreated(GPADLCreated)
    case gpadlTorndown(GPADLTorndown)
    case versionResponse(VersionResponse)
    case unloadResponse
    case tlConnectResult(TLConnectResult)
    case modifyChannelResponse(ModifyChannelResponse)

    /// Reads a message that a host sent.
    public init(decoding bytes: RawSpan) throws(ControlMessageError) {
        let type = try ControlMessageType(decoding: bytes, from: .host)
        switch type {
        case .offerChannel: self = .offerChannel(OfferChannel(decoding: bytes))
        case .rescindChannelOffer: self = .rescindChannelOffer(relid: RelidPayload(decoding: bytes).relid)
        case .allOffersDelivered: self = .allOffersDelivered
        case .openChannelResult: self = .openChannelResult(OpenChannelResult(decoding: bytes))
        case .gpadlCreated: self = .gpadlCreated(GPADLCreated(decoding: bytes))
        case .gpadlTorndown: self = .gpadlTorndown(GPADLTorndown(decoding: bytes))
        case .versionResponse: self = .versionResponse(VersionResponse(decoding: bytes))
        case .unloadResponse: self = .unloadResponse
        case .tlConnectResult: self = .tlConnectResult(TLConnectResult(decoding: bytes))
        case .modifyChannelResponse: self = .modifyChannelResponse(ModifyChannelResponse(decoding: bytes))
        default: throw .unsupportedType(type)
        }
    }

    /// The kind of this message.
    public var type: ControlMessageType {
        switch self {
        case .offerChannel: .offerChannel
        case .rescindChannelOffer: .rescindChannelOffer
        case .allOffersDelivered: .allOffersDelivered
        case .openChannelResult: .openChannelResult
        case .gpadlCreated: .gpadlCreated
        case .gpadlTorndown: .gpadlTorndown
        case .versionResponse: .versionResponse
        case .unloadResponse: .unloadResponse
        case .tlConnectResult: .tlConnectResult
        case .modifyChannelResponse: .modifyChannelResponse
        }
    }

    /// The bytes of this message.
    public func encoded() -> [UInt8] {
        switch self {
        case .allOffersDelivered, .unloadResponse: type.encodedHeader()
        case .rescindChannelOffer(let relid): RelidPayload(relid: relid).encoded(as: type)
        case .offerChannel(let payload): payload.encoded(as: type)
        case .openChannelResult(let payload): payload.encoded(as: type)
        case .gpadlCreated(let payload): payload.encoded(as: type)
        case .gpadlTorndown(let payload): payload.encoded(as: type)
        case .versionResponse(let payload): payload.encoded(as: type)
        case .tlConnectResult(let payload): payload.encoded(as: type)
        case .modifyChannelResponse(let payload): payload.encoded(as: type)
        }
    }
}
