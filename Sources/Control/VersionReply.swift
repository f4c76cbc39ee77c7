/// The answer to `version` (docs/control.md 3).
public struct VersionReply: Codable, Hashable, Sendable {
    /// The server's version.
    public var version: String
    /// The version of the control protocol: higher when a field or request changes its meaning, not when one is added.
    public var control: Int

    public init(version: String, control: Int = 1) {
        self.version = version
        self.control = control
    }
}
