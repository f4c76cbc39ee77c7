/// The private data of several allocations, one piece after the other, each as long as a field of its allocation's
/// structure says. Take the pieces in order with `next()`.
public struct WireChunks<Owner: MessageLayout>: ~Escapable {
    /// The structures that own the pieces, one each.
    public let owners: WireStructArray<Owner>

    /// All pieces together.
    public let bytes: RawSpan

    @usableFromInline let sizeOffset: Int
    @usableFromInline var index = 0
    @usableFromInline var offset = 0

    /// Takes pieces whose sizes (the u32 at `sizeOffset` of each owner) add up to no more than `bytes` holds.
    @inlinable
    @_lifetime(copy owners, copy bytes)
    init(owners: WireStructArray<Owner>, sizeOffset: Int, bytes: RawSpan) {
        self.owners = owners
        self.sizeOffset = sizeOffset
        self.bytes = bytes
    }

    /// The next owner's piece, `nil` after the last one. A piece may be empty.
    @inlinable
    @_lifetime(copy self)
    public mutating func next() -> RawSpan? {
        guard index < owners.count else { return nil }
        let size = Int(owners.bytes.load(UInt32.self, at: index * Owner.size + sizeOffset))
        let piece = bytes.extracting(offset..<offset + size)
        index += 1
        offset += size
        return piece
    }
}
