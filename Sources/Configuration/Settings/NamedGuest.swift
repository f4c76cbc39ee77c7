public import Linux
public import VMBus

/// A guest that the host knows.
public struct NamedGuest: Sendable {
    /// 1 to 64 characters; no other guest has the same.
    public var name: String
    /// The id that it has; nil: the one that it brings, or one that the host gives it.
    public var id: GUID?
    /// What it must know to be this guest; nil: nothing.
    public var token: Secret?
    /// Where the token was read from.
    public var tokenFile: String?
    /// The only listener that it may come by; nil: any that lets it in.
    public var endpoint: Endpoint?
    /// The default guest's settings with its own on top.
    public var settings: GuestSettings

    public init(name: String, settings: GuestSettings = GuestSettings()) {
        self.name = name
        self.settings = settings
    }

    static func template(_ settings: Settings) -> NamedGuest { NamedGuest(name: "", settings: settings.guest) }

    static let schema = Schema<NamedGuest>(
        fields: [
            .value("name", \.name, .name, isRequired: true),
            .value("id", \.id, .optional(.guid, or: "none")),
            .value("token", \.token, .optional(.token, or: "none")),
            .value("token-file", \.tokenFile, .optional(.path("a file with a token"), or: "none")),
            .value("endpoint", \.endpoint, .optional(.endpoint, or: "none")),
        ] + GuestSettings.schema.fields.map { $0.lifted(to: \.settings) },
        check: { guest, place in
            GuestSettings.schema.check(&guest.settings, place)
            TokenFile.read(guest.tokenFile, into: &guest.token, at: place)
        })
}
