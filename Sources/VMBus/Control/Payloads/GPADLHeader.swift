/// GPADL_HEADER: the first, often only part of the page lists that describe guest memory (`docs/protocol/vmbus.md
/// 1.3`).
public struct GPADLHeader: Hashable, Sendable, ControlMessagePayload {
    /// Most words in one message of 240 bytes.
    public static let maximumWords = 27

    /// The channel on which the GPADL is made.
    public var relid: UInt32
    /// The id, chosen by the guest.
    public var gpadl: UInt32
    /// Bytes of all ranges together, in this message and the bodies that follow it.
    public var rangeBufferLength: UInt16
    /// The number of ranges.
    public var rangeCount: UInt16
    /// The beginning of the ranges, perhaps padded: a word with the byte count (low half) and byte offset of a range,
    /// then its page numbers.
    public var words: [UInt64]

    /// Makes the message's fields.
    public init(relid: UInt32, gpadl: UInt32, rangeBufferLength: UInt16, rangeCount: UInt16, words: [UInt64]) {
        self.relid = relid
        self.gpadl = gpadl
        self.rangeBufferLength = rangeBufferLength
        self.rangeCount = rangeCount
        self.words = words
    }

    init() {
        self.init(relid: 0, gpadl: 0, rangeBufferLength: 0, rangeCount: 0, words: [])
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
        coder.field(&gpadl, at: 12)
        coder.field(&rangeBufferLength, at: 16)
        coder.field(&rangeCount, at: 18)
        coder.trailingWords(&words, at: 20)
    }
}
