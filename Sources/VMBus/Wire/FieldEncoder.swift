/// Writes fields into a zeroed message of the type's full size, growing it for a trailing part.
struct FieldEncoder: FieldCoder {
    private(set) var bytes: [UInt8]

    init(_ type: ControlMessageType) {
        bytes = [UInt8](repeating: 0, count: type.size)
        bytes.store(type.rawValue, at: 0)
    }

    mutating func field<Value: FixedWidthInteger & BitwiseCopyable>(_ value: inout Value, at offset: Int) {
        bytes.store(value, at: offset)
    }

    mutating func field(_ value: inout GUID, at offset: Int) {
        bytes.store(value, at: offset)
    }

    mutating func trailingField(_ value: inout GUID?, at offset: Int) {
        guard let value else { return }
        grow(to: offset + GUID.size)
        bytes.store(value, at: offset)
    }

    mutating func field(_ value: inout [UInt8], at offset: Int, count: Int) {
        for (index, byte) in value.prefix(count).enumerated() {
            bytes[offset + index] = byte
        }
    }

    mutating func trailingWords(_ value: inout [UInt64], at offset: Int) {
        grow(to: offset + 8 * value.count)
        for (index, word) in value.enumerated() {
            bytes.store(word, at: offset + 8 * index)
        }
    }

    private mutating func grow(to count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(0, count - bytes.count)))
    }
}
