/// One field of a structure, as docs/protocol/messages.json describes it.
public struct FieldDescription: Hashable, Sendable {
    /// How the field's bytes are to be read.
    public enum Kind: Hashable, Sendable {
        case header
        case unsigned
        case signed
        case handle
        case status
        case luid
        case boolean
        /// A number with names, given by the enumeration's name in messages.json.
        case enumeration(String)
        /// Bits of a flags word.
        case bits
        /// A fixed number of equal elements.
        indirect case array(of: Kind, count: Int)
        /// A structure, given by its name in messages.json.
        case structure(String)
    }

    /// The name in messages.json, for example `args.flags.value`.
    public let name: String

    /// The first bit, counted from the first bit of the structure.
    public let bitOffset: Int

    /// The field's length in bits.
    public let bitCount: Int

    /// How the bytes are to be read.
    public let kind: Kind

    /// A field of whole bytes.
    init(_ name: String, at offset: Int, bytes: Int, _ kind: Kind) {
        self.name = name
        bitOffset = offset * 8
        bitCount = bytes * 8
        self.kind = kind
    }

    /// A field of bits.
    init(_ name: String, bit: Int, bits: Int) {
        self.name = name
        bitOffset = bit
        bitCount = bits
        kind = .bits
    }

    /// The byte that holds the field's first bit.
    public var offset: Int { bitOffset / 8 }
}
