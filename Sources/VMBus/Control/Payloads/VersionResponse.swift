/// VERSION_RESPONSE: the host's answer to INITIATE_CONTACT (`docs/protocol/vmbus.md 1.3`).
///
/// 16 bytes in every served version; what 6.0 appended is out of scope.
public struct VersionResponse: Hashable, Sendable, ControlMessagePayload {
    /// How the connection attempt ended when the version is supported.
    public struct Outcome: RawRepresentable, Hashable, Sendable {
        /// The number on the wire.
        public var rawValue: UInt8

        /// Takes any number.
        public init(rawValue: UInt8) {
            self.rawValue = rawValue
        }

        /// Connected.
        public static let connected = Outcome(rawValue: 0)
        /// Not connected: low resources.
        public static let lowResources = Outcome(rawValue: 1)
        /// Not connected: the request is not acceptable.
        public static let unknownFailure = Outcome(rawValue: 2)
    }

    /// Whether the host speaks the proposed version; if not, the guest proposes a lower one.
    public var isSupported: Bool
    /// How the attempt ended.
    public var outcome: Outcome
    /// The selected version, or from 5.0 the connection id to which the guest posts its further messages.
    public var selectedVersionOrConnectionID: UInt32

    /// Makes the message's fields.
    public init(isSupported: Bool, outcome: Outcome = .connected, selectedVersionOrConnectionID: UInt32 = 0) {
        self.isSupported = isSupported
        self.outcome = outcome
        self.selectedVersionOrConnectionID = selectedVersionOrConnectionID
    }

    init() {
        self.init(isSupported: false)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        var supported: UInt8 = isSupported ? 1 : 0
        coder.field(&supported, at: 8)
        isSupported = supported != 0
        coder.field(&outcome.rawValue, at: 9)
        coder.field(&selectedVersionOrConnectionID, at: 12)
    }
}
