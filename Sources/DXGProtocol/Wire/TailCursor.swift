/// Walks over the variable parts of a message and checks that each lies inside it.
///
/// The arithmetic cannot wrap: counts are 32-bit, an element has at most 72 bytes and a message few tails.
@usableFromInline
struct TailCursor {
    @usableFromInline var offset: UInt64
    @usableFromInline let have: UInt64

    @inlinable
    init(at offset: Int, of bytes: RawSpan) {
        self.offset = UInt64(offset)
        have = UInt64(bytes.byteCount)
    }

    /// Steps over `count` elements of `stride` bytes.
    @inlinable
    mutating func skip(_ count: UInt64, stride: UInt64) throws(DecodeError) {
        let end = offset &+ count &* stride
        guard end <= have else { throw .truncated(needed: end, have: have) }
        offset = end
    }

    /// Steps over `count` elements of `stride` bytes if they are there.
    @inlinable
    mutating func skipIfPresent(_ count: UInt64, stride: UInt64) {
        let end = offset &+ count &* stride
        if end <= have { offset = end }
    }
}
