/// The fields of a control message, described once for both directions.
protocol ControlMessagePayload {
    /// All fields zero.
    init()
    /// Names each field to `coder` with its offset.
    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder)
}

extension ControlMessagePayload {
    /// The message of kind `type` with these fields, in its full size.
    func encoded(as type: ControlMessageType) -> [UInt8] {
        var encoder = FieldEncoder(type)
        var fields = self
        fields.visitFields(&encoder)
        return encoder.bytes
    }

    /// Reads the fields from a message whose length `ControlMessageType.init(decoding:from:)` has checked.
    init(decoding bytes: RawSpan) {
        self.init()
        var decoder = FieldDecoder(bytes)
        visitFields(&decoder)
    }
}

extension ControlMessageType {
    /// Reads the header of a message that `sender` sent, and checks that the message is long enough for its kind.
    init(decoding bytes: RawSpan, from sender: Sender) throws(ControlMessageError) {
        guard bytes.byteCount >= ControlMessageType.headerSize else {
            throw .truncated(needed: ControlMessageType.headerSize, have: bytes.byteCount)
        }
        guard bytes.byteCount <= ControlMessageType.maximumMessageSize else {
            throw .tooLong(limit: ControlMessageType.maximumMessageSize, have: bytes.byteCount)
        }
        let number = bytes.integer(at: 0, as: UInt32.self)
        guard let type = ControlMessageType(rawValue: number) else { throw .unknownType(number) }
        guard type.sender == sender else { throw .wrongDirection(type) }
        guard bytes.byteCount >= type.size else { throw .truncated(needed: type.size, have: bytes.byteCount) }
        self = type
    }

    /// A message that consists of its header.
    func encodedHeader() -> [UInt8] {
        FieldEncoder(self).bytes
    }
}

/// The layout shared by the messages whose only field is a relid.
struct RelidPayload: ControlMessagePayload {
    var relid: UInt32 = 0

    mutating func visitFields<Coder: FieldCoder & ~Escapable>(_ coder: inout Coder) {
        coder.field(&relid, at: 8)
    }
}
