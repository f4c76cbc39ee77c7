/// Why bytes are not a control message that the reading side can receive.
public enum ControlMessageError: Error, Hashable, Sendable {
    /// Fewer bytes than the message's structure has.
    case truncated(needed: Int, have: Int)
    /// More bytes than a hypervisor message carries.
    case tooLong(limit: Int, have: Int)
    /// A number that no message kind has.
    case unknownType(UInt32)
    /// A kind that only the other side sends: a guest cannot send the host its own messages.
    case wrongDirection(ControlMessageType)
    /// A kind that this implementation does not serve: reserved channels, and what version 6.0 added.
    case unsupportedType(ControlMessageType)
}

extension ControlMessageError: CustomStringConvertible {
    /// One line for a log.
    public var description: String {
        switch self {
        case .truncated(let needed, let have): "control message of \(have) bytes, \(needed) needed"
        case .tooLong(let limit, let have): "control message of \(have) bytes, at most \(limit) allowed"
        case .unknownType(let type): "unknown control message type \(type)"
        case .wrongDirection(let type): "\(type.name) came from the side that only receives it"
        case .unsupportedType(let type): "\(type.name) is not served"
        }
    }
}
