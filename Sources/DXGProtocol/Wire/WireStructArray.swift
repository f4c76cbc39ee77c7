/// Structures of one layout inside a message, one after the other, read where they lie.
public struct WireStructArray<Layout: MessageLayout>: ~Escapable {
    /// The bytes of the structures and nothing else.
    public let bytes: RawSpan

    /// Takes a span whose length is a multiple of the structure's size.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// The number of structures.
    @inlinable public var count: Int { bytes.byteCount / Layout.size }

    /// Whether there are no structures.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// The indices of the structures.
    @inlinable public var indices: Range<Int> { 0..<count }

    /// The structure at `index`; an index outside `indices` is a bug of the caller.
    @inlinable
    public subscript(index: Int) -> MessageView<Layout> {
        @_lifetime(copy self)
        get {
            let start = index * Layout.size
            return MessageView(checked: bytes.extracting(start..<start + Layout.size))
        }
    }
}
