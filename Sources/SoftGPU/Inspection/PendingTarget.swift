/// A value that somebody waits for (docs/control.md 5).
public struct PendingTarget: Codable, Hashable, Sendable {
    public var fence: FenceName
    /// The value that the fence has now.
    public var value: UInt64
    /// The value that it has to reach.
    public var target: UInt64
}
