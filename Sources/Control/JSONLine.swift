import FoundationEssentials

/// Values as JSON, for the control socket and for those who read the program's output (docs/control.md 1).
public enum JSONLine {
    /// A value on one line, with its line end. Keys are in the order of the alphabet: equal values are equal bytes.
    public static func encode(_ value: some Encodable) -> [UInt8] {
        bytes(of: value, [.sortedKeys, .withoutEscapingSlashes]) + [UInt8(ascii: "\n")]
    }

    /// A value on many lines, for people, without a line end.
    public static func pretty(_ value: some Encodable) -> String {
        String(decoding: bytes(of: value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]), as: UTF8.self)
    }

    /// Reads a value from a line.
    ///
    /// - Throws: what is wrong with the line, in words for whoever wrote it.
    public static func decode<Value: Decodable>(_: Value.Type, from line: [UInt8]) throws(JSONLineError) -> Value {
        do {
            return try JSONDecoder().decode(Value.self, from: Data(line))
        } catch {
            throw JSONLineError(error)
        }
    }

    private static func bytes(of value: some Encodable, _ format: JSONEncoder.OutputFormatting) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = format
        do {
            return Array(try encoder.encode(value))
        } catch {
            preconditionFailure("a value of this program is no JSON: \(error)")
        }
    }
}
