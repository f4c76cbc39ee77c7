/// The layout of a message or structure, for tools that show or check bytes.
public struct StructDescription: Hashable, Sendable {
    /// Bytes of the declared structure.
    public let size: Int

    /// The declared fields; those of unions and flag words overlap.
    public let fields: [FieldDescription]

    /// The variable parts, in order.
    public let tails: [TailDescription]

    init(size: Int, fields: [FieldDescription], tails: [TailDescription] = []) {
        self.size = size
        self.fields = fields
        self.tails = tails
    }
}
