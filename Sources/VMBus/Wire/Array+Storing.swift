extension [UInt8] {
    /// Stores an integer in little-endian order over bytes that are already there.
    mutating func store<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        for index in 0..<MemoryLayout<Value>.size {
            self[offset + index] = UInt8(truncatingIfNeeded: value >> Value(8 * index))
        }
    }

    /// Stores a GUID in its mixed-endian wire form over bytes that are already there.
    mutating func store(_ value: GUID, at offset: Int) {
        store(value.data1, at: offset)
        store(value.data2, at: offset + 4)
        store(value.data3, at: offset + 6)
        store(value.data4.byteSwapped, at: offset + 8)
    }
}
