import Linux

/// Where those who run a server may ask it about its guests (docs/control.md).
public struct ControlSettings: Sendable {
    /// The path of the unix socket; nil: nowhere.
    public var path: String?
    /// Permission bits of the socket file.
    public var permissions: UInt32 = 0o600

    /// How long the path may be.
    public static let pathBytes = 1...Endpoint.maximumPathBytes

    /// Nowhere.
    public init() {}

    static let schema = Schema<ControlSettings>(
        fields: [
            .value("path", \.path, .optional(.path("a path of at most 107 bytes"), or: "none")),
            .value("permissions", \.permissions, .permissions),
        ],
        check: { control, place in
            if let path = control.path, !pathBytes.contains(path.utf8.count) {
                place["path"].report("'\(path)' is too long; allowed: a path of at most 107 bytes, or none")
            }
        })
}
