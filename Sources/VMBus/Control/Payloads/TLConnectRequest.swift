/// TL_CONNECT_REQUEST: the guest wants a hvsock connection to a service of the host (`docs/protocol/vmbus.md 1.3`).
public struct TLConnectRequest: Hashable, Sendable, ControlMessagePayload {
    /// The guest's endpoint.
    public var endpoint: GUID
    /// The service asked for.
    public var service: GUID
    /// The silo, from 5.2.
    public var silo: GUID?

    /// Makes the message's fields.
    public init(endpoint: GUID, service: GUID, silo: GUID? = nil) {
        self.endpoint = endpoint
        self.service = service
        self.silo = silo
    }

    init() {
        self.init(endpoint: .zero, service: .zero)
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&endpoint, at: 8)
        coder.field(&service, at: 24)
        coder.trailingField(&silo, at: 40)
    }
}
