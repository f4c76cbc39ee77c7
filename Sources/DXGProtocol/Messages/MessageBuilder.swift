/// A message being made. All bytes are zero at first, so padding stays zero.
///
/// Fields have the names of `MessageView`. Variable parts are appended in their order behind the declared fields;
/// appending a part sets the field that counts its elements.
public struct MessageBuilder<Layout: MessageLayout>: Sendable {
    @usableFromInline var storage: [UInt8]

    /// The message so far.
    @inlinable public var bytes: [UInt8] { storage }

    /// A message of its declared fields.
    @inlinable
    public init() {
        self.init(byteCount: Layout.fixedSize)
    }

    /// A message of its declared fields, with room reserved for `extraBytes` more to be appended.
    @inlinable
    public init(extraBytes: Int) {
        self.init(byteCount: Layout.fixedSize)
        reserve(extraBytes)
    }

    /// A message of `byteCount` zero bytes, at least those of its declared fields.
    @inlinable
    public init(byteCount: Int) {
        storage = [UInt8](repeating: 0, count: max(byteCount, Layout.fixedSize))
    }

    /// A message that begins as a copy of a received one, in exactly `byteCount` bytes.
    @inlinable
    public init(copying view: MessageView<Layout>, byteCount: Int) {
        let length = max(byteCount, Layout.fixedSize)
        storage = []
        storage.reserveCapacity(length)
        storage.append(bytes: view.bytes.extracting(first: length))
        pad(to: length)
    }

    /// Reads back what was made.
    @inlinable public var view: MessageView<Layout> {
        @_lifetime(borrow self)
        get { MessageView(checked: storage.wireBytes) }
    }

    /// Makes the message at least `count` bytes long.
    @inlinable
    public mutating func pad(to count: Int) {
        if storage.count < count { storage.append(contentsOf: repeatElement(0, count: count - storage.count)) }
    }

    /// Makes the length a multiple of `multiple`.
    @inlinable
    public mutating func pad(toMultipleOf multiple: Int) {
        pad(to: (storage.count + multiple - 1) / multiple * multiple)
    }

    /// Appends one value.
    @inlinable
    public mutating func append(_ value: some WireValue) {
        let offset = storage.count
        pad(to: offset + MemoryLayout.size(ofValue: value.wire))
        storage.store(value, at: offset)
    }

    /// Appends values one after the other.
    @inlinable
    public mutating func append<Value: WireValue>(contentsOf values: [Value]) {
        var offset = storage.count
        pad(to: offset + values.count * MemoryLayout<Value.Raw>.size)
        for value in values {
            storage.store(value, at: offset)
            offset += MemoryLayout<Value.Raw>.size
        }
    }

    /// Appends bytes.
    @inlinable
    public mutating func append(bytes source: [UInt8]) {
        storage.append(contentsOf: source)
    }

    /// Appends bytes.
    @inlinable
    public mutating func append(bytes source: RawSpan) {
        storage.append(bytes: source)
    }

    /// Appends a structure.
    @inlinable
    public mutating func append<Element: MessageLayout>(_ element: MessageBuilder<Element>) {
        storage.append(contentsOf: element.bytes)
    }

    /// Writes bytes at `offset`, which must be inside the message: a bug of the caller if not.
    @inlinable
    public mutating func write(_ source: [UInt8], at offset: Int) {
        storage.replaceSubrange(offset..<offset + source.count, with: source)
    }

    /// Writes a value at `offset`, which must be inside the message: a bug of the caller if not.
    @inlinable
    public mutating func write(_ value: some WireValue, at offset: Int) {
        storage.store(value, at: offset)
    }

    @inlinable
    mutating func reserve(_ extraBytes: Int) {
        storage.reserveCapacity(storage.count + extraBytes)
    }

    @inlinable @inline(__always)
    func load<Value: WireValue>(at offset: Int) -> Value {
        storage.wireBytes.load(Value.self, at: offset)
    }

    @inlinable @inline(__always)
    mutating func store(_ value: some WireValue, at offset: Int) {
        storage.store(value, at: offset)
    }

    @inlinable @inline(__always)
    func bits<Unit: WireValue & FixedWidthInteger>(
        _ unit: Unit.Type, at offset: Int, shift: Unit, mask: Unit
    ) -> Unit {
        (storage.wireBytes.load(unit, at: offset) &>> shift) & mask
    }

    @inlinable @inline(__always)
    mutating func setBits<Unit: WireValue & FixedWidthInteger>(
        _ value: Unit, at offset: Int, shift: Unit, mask: Unit
    ) {
        let others = storage.wireBytes.load(Unit.self, at: offset) & ~(mask &<< shift)
        storage.store(others | (value & mask) &<< shift, at: offset)
    }

    /// Writes the first values of a fixed array of `count` elements and zeroes the others; more values than it holds
    /// are a bug of the caller.
    @inlinable
    mutating func storeArray<Value: WireValue>(_ values: [Value], at offset: Int, count: Int) {
        precondition(values.count <= count, "\(Layout.name): \(values.count) values for an array of \(count)")
        let stride = MemoryLayout<Value.Raw>.size
        for index in 0..<count * stride { storage[offset + index] = 0 }
        for (index, value) in values.enumerated() { storage.store(value, at: offset + index * stride) }
    }
}

extension MessageBuilder where Layout: CommandLayout {
    /// Fills in the command header: who asks, and whether no reply is wanted.
    @inlinable
    public mutating func setHeader(process: D3DKMTHandle = .none, commandID: UInt64 = 0, isAsync: Bool = false) {
        let header = CommandHeader(
            commandID: commandID, process: process, channelType: UInt8(truncatingIfNeeded: Layout.channelType.rawValue),
            isAsync: isAsync, commandType: Layout.commandType)
        header.write(to: &self)
    }

    /// The command header.
    @inlinable public var header: CommandHeader { CommandHeader(checked: storage.wireBytes) }
}

extension MessageBuilder where Layout: RequestLayout {
    /// The request as the Linux driver sends it, spare bytes behind the last part included.
    @inlinable
    public func encoded() -> [UInt8] {
        var padded = self
        padded.pad(to: Layout.sentLength(of: view, endingAt: storage.count))
        return padded.storage
    }
}
