// Every load, store and copy of this module goes through this file: nothing else here is unsafe.

extension RawSpan {
    /// Reads a little-endian value at any alignment. An offset outside the span is a bug of the caller and stops the
    /// program: views check a message's length once, when they are made.
    @inlinable @inline(__always)
    func load<Value: WireValue>(_ type: Value.Type, at offset: Int) -> Value {
        // SAFETY: the call checks its bounds, and `Raw` is an integer, for which every bit pattern is a value.
        Value(wire: Value.Raw(littleEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: Value.Raw.self)))
    }
}

extension [UInt8] {
    /// A copy of received bytes.
    @inlinable
    public init(wireBytes source: RawSpan) {
        self.init()
        append(bytes: source)
    }

    /// The array's bytes, to be read as a message.
    @inlinable
    public var wireBytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // SAFETY: the elements are initialised memory without padding, and the span borrows the array.
            unsafe span.bytes
        }
    }

    /// Writes a little-endian value at any alignment. An offset outside the array is a bug of the caller.
    @inlinable @inline(__always)
    mutating func store<Value: WireValue>(_ value: Value, at offset: Int) {
        var elements = mutableSpan
        // SAFETY: any bytes are legal elements; the store checks its bounds.
        var bytes = unsafe elements.mutableBytes
        bytes.storeBytes(of: value.wire.littleEndian, toByteOffset: offset, as: Value.Raw.self)
    }

    /// Appends the bytes of `source`.
    @inlinable
    mutating func append(bytes source: RawSpan) {
        // SAFETY: the buffer is used only inside the call that lends it.
        unsafe source.withUnsafeBytes { buffer in
            unsafe append(contentsOf: buffer)
        }
    }
}
