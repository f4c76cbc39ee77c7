/// The answer to a request that cannot be served (docs/control.md 1).
public struct ErrorReply: Codable, Hashable, Sendable, Error {
    /// One line, for people.
    public var error: String

    public init(error: String) { self.error = error }
}
