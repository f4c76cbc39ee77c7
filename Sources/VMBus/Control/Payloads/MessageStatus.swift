/// The status field of a host's control message: zero, or any other number for failure (`docs/protocol/vmbus.md 1.3`).
public struct MessageStatus: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public var rawValue: UInt32

    /// Takes any number: guests only tell zero from nonzero.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Done.
    public static let success = MessageStatus(rawValue: 0)
    /// Not done, for any reason (E_UNEXPECTED).
    public static let failure = MessageStatus(rawValue: 0x8000_ffff)
    /// The connection was refused (STATUS_CONNECTION_REFUSED), for TL_CONNECT_RESULT.
    public static let connectionRefused = MessageStatus(rawValue: 0xc000_0236)

    /// Whether this is `success`.
    public var isSuccess: Bool { self == .success }
}
