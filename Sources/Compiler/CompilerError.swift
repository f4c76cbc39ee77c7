/// Why there is no code object.
public struct CompilerError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong, or what the module needs that the compiler cannot do, in one line.
    public var reason: String
    /// The word of the module where it is, counted from the module's first; nil if it is about no place.
    public var position: Int?

    public init(_ reason: String, position: Int? = nil) {
        self.reason = reason
        self.position = position
    }

    public var description: String { position.map { "word \($0): \(reason)" } ?? reason }
}
