/// What a guest did wrong: the message was ignored or refused, the connection goes on.
public enum VMBusProtocolError: Error, Hashable, Sendable {
    /// The bytes are no message that a guest can send.
    case undecodable(ControlMessageError)
    /// A message that needs a connection.
    case notConnected(ControlMessageType)
    /// A message that the agreed version does not have.
    case notInVersion(ControlMessageType, ProtocolVersion)
    /// A contact that asks for delivery to another interrupt source or trust level than the host serves.
    case badMessageTarget(interruptSource: UInt8, trustLevel: UInt8)
    /// A contact with one monitor page instead of none or both.
    case oneMonitorPage
    /// A second REQUESTOFFERS in one connection.
    case offersAlreadyRequested
    /// A relid that no channel has.
    case unknownChannel(ControlMessageType, relid: UInt32)
    /// A message that has no meaning in the channel's state.
    case wrongChannelState(ControlMessageType, relid: UInt32, ChannelState)
    /// A channel opened with memory that cannot be its ring.
    case badRing(relid: UInt32, gpadl: UInt32, RingError)
    /// A GPADL that was refused.
    case gpadl(ControlMessageType, gpadl: UInt32, GPADLError)
}

/// Why a GPADL cannot be a channel's ring (`docs/protocol/vmbus.md 1.7`).
public enum RingError: Error, Hashable, Sendable {
    /// No finished GPADL of this id was made on this channel, or it is being torn down.
    case notAvailable
    /// The ring is not one range of whole pages.
    case notWholePages
    /// One of the two rings would have no page for data besides its control page.
    case badDownstreamPageOffset(UInt32, pages: Int)
}

extension VMBusProtocolError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .undecodable(let error): error.description
        case .notConnected(let type): "\(type.name) without a connection"
        case .notInVersion(let type, let version): "\(type.name) does not exist in version \(version)"
        case .badMessageTarget(let interruptSource, let trustLevel):
            "contact for interrupt source \(interruptSource) and trust level \(trustLevel)"
        case .oneMonitorPage: "contact with one monitor page"
        case .offersAlreadyRequested: "REQUESTOFFERS a second time"
        case .unknownChannel(let type, let relid): "\(type.name) for relid \(relid), which no channel has"
        case .wrongChannelState(let type, let relid, let state): "\(type.name) for relid \(relid) in state \(state)"
        case .badRing(let relid, let gpadl, let error): "OPENCHANNEL of relid \(relid) with GPADL \(gpadl): \(error)"
        case .gpadl(let type, let gpadl, let error): "\(type.name) of GPADL \(gpadl): \(error)"
        }
    }
}

extension RingError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .notAvailable: "not available as a ring"
        case .notWholePages: "not one range of whole pages"
        case .badDownstreamPageOffset(let offset, let pages): "second ring at page \(offset) of \(pages)"
        }
    }
}
