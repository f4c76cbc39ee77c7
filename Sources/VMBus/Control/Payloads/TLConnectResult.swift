/// TL_CONNECT_RESULT: the host refuses a hvsock connection (`docs/protocol/vmbus.md 1.3`).
public struct TLConnectResult: Hashable, Sendable, ControlMessagePayload {
    /// The guest's endpoint.
    public var endpoint: GUID
    /// The service asked for.
    public var service: GUID
    /// Why; the message is sent only for failure.
    public var status: MessageStatus

    /// Makes the message's fields.
    public init(endpoint: GUID, service: GUID, status: MessageStatus) {
        self.endpoint = endpoint
        self.service = service
        self.status = status
    }

    init() {
        self.init(endpoint: .zero, service: .zero, status: .success)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&endpoint, at: 8)
        coder.field(&service, at: 24)
        coder.field(&status.rawValue, at: 40)
    }
}
