/// What all guests together may take up.
public struct ServerLimits: Sendable {
    /// Guests connected at a time; more are refused with code 4 (docs/protocol/carrier.md, Order).
    public var guests = 1024
    /// Connections of one listener that have not said yet who they are.
    public var halfOpenConnections = 16
    /// Worker processes of all guests at a time; nil: as many as they have GPU address spaces.
    public var workers: Int?

    public init() {}

    static let schema = Schema<ServerLimits>(fields: [
        .value("guests", \.guests, .number(1...65_536)),
        .value("half-open-connections", \.halfOpenConnections, .number(1...4096)),
        .value("workers", \.workers, .optional(.number(1...65_536), or: "none")),
    ])
}
