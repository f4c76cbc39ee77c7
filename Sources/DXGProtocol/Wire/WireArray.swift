/// Equal-sized values inside a message, read where they lie. They need no alignment.
public struct WireArray<Element: WireValue>: ~Escapable {
    /// The bytes of the elements and nothing else.
    public let bytes: RawSpan

    /// Takes a span whose length is a multiple of the element's size; bytes beyond the last whole element are not read.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) {
        self.bytes = bytes
    }

    /// Bytes of one element.
    @inlinable public static var stride: Int { MemoryLayout<Element.Raw>.size }

    /// The number of elements.
    @inlinable public var count: Int { bytes.byteCount / Self.stride }

    /// Whether there are no elements.
    @inlinable public var isEmpty: Bool { count == 0 }

    /// The indices of the elements.
    @inlinable public var indices: Range<Int> { 0..<count }

    /// The element at `index`; an index outside `indices` is a bug of the caller.
    @inlinable public subscript(index: Int) -> Element {
        bytes.load(Element.self, at: index * Self.stride)
    }

    /// The elements copied out.
    @inlinable
    public func array() -> [Element] {
        var elements: [Element] = []
        elements.reserveCapacity(count)
        for index in indices { elements.append(self[index]) }
        return elements
    }
}
