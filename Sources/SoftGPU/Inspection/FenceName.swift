/// Names a synchronization object by the first of the handles to it (docs/control.md 5).
public struct FenceName: Codable, Hashable, Sendable {
    /// The process's handle, in hexadecimal; nil where every handle is closed.
    public var process: String?
    /// In hexadecimal; nil where every handle is closed.
    public var handle: String?
}
