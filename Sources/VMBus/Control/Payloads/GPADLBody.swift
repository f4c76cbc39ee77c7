/// GPADL_BODY: a further part of the page lists that a GPADL_HEADER began (`docs/protocol/vmbus.md 1.3`).
public struct GPADLBody: Hashable, Sendable, ControlMessagePayload {
    /// Most words in one message of 240 bytes.
    public static let maximumWords = 28

    /// A counter that Linux leaves zero; not used.
    public var messageNumber: UInt32
    /// The id of the header; no relid travels with it.
    public var gpadl: UInt32
    /// The words after those already sent.
    public var words: [UInt64]

    /// Makes the message's fields.
    public init(gpadl: UInt32, words: [UInt64], messageNumber: UInt32 = 0) {
        self.messageNumber = messageNumber
        self.gpadl = gpadl
        self.words = words
    }

    init() {
        self.init(gpadl: 0, words: [])
    }

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&messageNumber, at: 8)
        coder.field(&gpadl, at: 12)
        coder.trailingWords(&words, at: 16)
    }
}
