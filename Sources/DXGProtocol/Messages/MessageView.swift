/// A checked window on the bytes of a received message.
///
/// Making the view checks the length once, against the declared fields and all counts that the message carries;
/// reading a field is then one load. The bytes may be longer than the message needs: packets are padded to 8 bytes and
/// some commands have a fixed maximum length, so no count is ever derived from the length
/// (docs/protocol/semantics.md 1.4). The bytes must not change while the view lives: copy a packet out of memory that
/// the peer can write before looking at it.
///
/// The fields are generated from docs/protocol/messages.json under the names that stand there, in Swift's case.
public struct MessageView<Layout: MessageLayout>: ~Escapable {
    /// The message, from its first byte on, with whatever follows it.
    public let bytes: RawSpan

    /// Checks `bytes` against the layout.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount >= Layout.fixedSize else {
            throw .truncated(needed: UInt64(Layout.fixedSize), have: UInt64(bytes.byteCount))
        }
        try Layout.checkTails(of: bytes)
        self.bytes = bytes
    }

    /// Takes bytes whose length the caller has checked.
    @inlinable
    @_lifetime(copy bytes)
    init(checked bytes: RawSpan) {
        self.bytes = bytes
    }

    @inlinable @inline(__always)
    func load<Value: WireValue>(at offset: Int) -> Value {
        bytes.load(Value.self, at: offset)
    }

    /// `count` bits from bit `shift` of the `Unit` at `offset`.
    @inlinable @inline(__always)
    func bits<Unit: WireValue & FixedWidthInteger>(
        _ unit: Unit.Type, at offset: Int, shift: Unit, mask: Unit
    ) -> Unit {
        (bytes.load(unit, at: offset) &>> shift) & mask
    }

    /// `count` elements of `stride` bytes from `offset` on.
    @inlinable @inline(__always)
    @_lifetime(copy self)
    func tail(at offset: Int, count: Int, stride: Int) -> RawSpan {
        bytes.extracting(offset..<offset + count * stride)
    }

    /// The same for a variable part whose length only the request tells, so that it was not checked before.
    @inlinable
    @_lifetime(copy self)
    func checkedTail(at offset: UInt64, count: UInt64, stride: UInt64) throws(DecodeError) -> RawSpan {
        let end = offset &+ count &* stride
        guard end <= UInt64(bytes.byteCount) else {
            throw .truncated(needed: end, have: UInt64(bytes.byteCount))
        }
        return bytes.extracting(Int(offset)..<Int(end))
    }
}

extension MessageView where Layout: CommandLayout {
    /// The command header.
    @inlinable public var header: CommandHeader { CommandHeader(checked: bytes) }
}

extension MessageView where Layout: RequestLayout {
    /// The reply length that the Linux driver insists on, in bytes; a shorter reply is a failure to it
    /// (docs/protocol/semantics.md 1.4).
    @inlinable
    public func requiredReplyLength(under version: InterfaceVersion) -> UInt64 {
        Layout.requiredReplyLength(to: self, under: version)
    }
}
