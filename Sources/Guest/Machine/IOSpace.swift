internal import Carriers
internal import Linux

/// The memory that the host lends to the guest: fences and locked allocations (docs/protocol/semantics.md 1.10).
///
/// Where the host shared it by descriptor it is mapped, and reading is a load. Otherwise it is read and written by
/// frames, and ranges that are watched are pushed by the host.
public final class IOSpace: Sendable {
    /// Its guest physical address.
    public let base: UInt64

    /// Its size in bytes.
    public let bytes: UInt64

    /// Whether it is mapped here.
    public let isShared: Bool

    // SAFETY: the mapping's properties never change, and its memory is shared with another process in any case: words
    // are loaded and stored atomically, and who copies bytes synchronises by fences.
    private nonisolated(unsafe) let mapping: MemoryMapping?
    private let link: HostLink
    private let timeout: UInt64?

    /// The most bytes that one frame fetches or stores.
    private static let pieceBytes = 262_144

    init(base: UInt64, bytes: UInt64, mapping: MemoryMapping?, link: HostLink, timeout: UInt64?) {
        self.base = base
        self.bytes = bytes
        isShared = mapping != nil
        unsafe self.mapping = mapping
        self.link = link
        self.timeout = timeout
    }

    /// Whether a range of guest physical addresses lies inside.
    public func contains(_ address: UInt64, count: UInt64) -> Bool {
        address >= base && address - base <= bytes && bytes - (address - base) >= count
    }

    /// Loads the word at a guest physical address that is a multiple of 8, with acquire order: the value of a fence.
    public func loadUInt64(at address: UInt64) throws(GuestError) -> UInt64 {
        let offset = try offset(of: address, count: 8)
        guard address % 8 == 0 else { throw .invalidRequest("address 0x\(String(address, radix: 16)) is not aligned") }
        if let mapping = unsafe mapping { return mapping.loadUInt64(at: Int(offset)) }
        if let word = link.watches.word(at: offset) { return word }
        let bytes = try read(at: address, count: 8)
        return (0..<8).reduce(0) { $0 | UInt64(bytes[$1]) << UInt64(8 * $1) }
    }

    /// Stores the word at a guest physical address that is a multiple of 8, with release order.
    public func storeUInt64(_ value: UInt64, at address: UInt64) throws(GuestError) {
        let offset = try offset(of: address, count: 8)
        guard address % 8 == 0 else { throw .invalidRequest("address 0x\(String(address, radix: 16)) is not aligned") }
        if let mapping = unsafe mapping {
            mapping.storeUInt64(value, at: Int(offset))
        } else {
            try write((0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }, at: address)
        }
    }

    /// Reads bytes at a guest physical address.
    public func read(at address: UInt64, count: Int) throws(GuestError) -> [UInt8] {
        let offset = try offset(of: address, count: count)
        if let mapping = unsafe mapping { return mapping.read(at: Int(offset), count: count) }
        var result: [UInt8] = []
        result.reserveCapacity(count)
        while result.count < count {
            let piece = min(count - result.count, Self.pieceBytes)
            let range = ByteRange(start: offset + UInt64(result.count), length: UInt32(piece))
            let bytes = try link.ask("IO_READ") { .ioRead(range, tag: $0) }.wait(until: deadline)
            guard bytes.count == piece else { throw .unexpected("IO_DATA of \(bytes.count) bytes, \(piece) asked for") }
            result += bytes
        }
        return result
    }

    /// Writes bytes at a guest physical address.
    public func write(_ bytes: [UInt8], at address: UInt64) throws(GuestError) {
        let offset = try offset(of: address, count: bytes.count)
        if let mapping = unsafe mapping { return mapping.write(bytes, at: Int(offset)) }
        var done = 0
        while done < bytes.count {
            let piece = Array(bytes[done..<min(bytes.count, done + Self.pieceBytes)])
            let start = offset + UInt64(done)
            _ = try link.ask("IO_WRITE") { .ioWrite(offset: start, piece, tag: $0) }.wait(until: deadline)
            done += piece.count
        }
    }

    /// Asks the host to push every change of a range, so that `loadUInt64` needs no answer from it. Nothing happens
    /// where the IO space is shared.
    public func watch(_ address: UInt64, count: UInt32) throws(GuestError) {
        let offset = try offset(of: address, count: Int(count))
        if isShared { return }
        try link.connection.send(.ioWatch(ByteRange(start: offset, length: count), isOn: true))
    }

    /// Ends `watch` of the same range.
    public func unwatch(_ address: UInt64, count: UInt32) throws(GuestError) {
        let offset = try offset(of: address, count: Int(count))
        if isShared { return }
        try link.connection.send(.ioWatch(ByteRange(start: offset, length: count), isOn: false))
        // What the host pushed before it heard of this arrives before its answer, and is forgotten with the rest.
        _ = try link.ask("PING") { .ping([], tag: $0) }.wait(until: deadline)
        link.watches.forget(offset, UInt64(count))
    }

    private var deadline: Deadline { timeout.map { .after(nanoseconds: $0) } ?? .never }

    private func offset(of address: UInt64, count: Int) throws(GuestError) -> UInt64 {
        guard count >= 0, contains(address, count: UInt64(count)) else {
            throw .invalidRequest("0x\(String(address, radix: 16)) is not the address of \(count) bytes of IO space")
        }
        return address - base
    }
}
