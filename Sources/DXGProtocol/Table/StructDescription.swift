/// The layout of a message or structure, for tools that show or check bytes.
public struct StructDescription: Hashable, Sendable {
    /// Bytes of the declared structure.
    public let size: Int

    public let fields: [FieldDescription]

    public let tails: [TailDescription]

    init(size: Int, fields: [FieldDescription], tails: [TailDescription] = []) {
        self.size = size
        self.fields = fields
        self.tails = tails
    }
}
