import WorkerProtocol

/// The place in a command buffer, and a private copy of the bytes there: GPU memory may change under a reader.
@safe struct CommandReader {
    private static let pageSize: UInt64 = 4096
    private static let capacity = Int(pageSize)

    // SAFETY: one window per engine, which lives as long as the process.
    let window: UnsafeMutableRawPointer
    /// Byte offset of the packet at hand.
    private(set) var offset: UInt64 = 0
    private var length: UInt64 = 0
    /// The part of the command buffer that the window holds.
    private var held: Range<UInt64> = 0..<0

    init() {
        unsafe window = UnsafeMutableRawPointer.allocate(byteCount: CommandReader.capacity, alignment: 64)
    }

    var remaining: UInt64 { length - offset }

    mutating func start(length: UInt64) {
        self.length = length
        offset = 0
        held = 0..<0
    }

    /// What must be fetched to the window's start before the packet at hand can be decoded.
    ///
    /// Never beyond the page of the packet's last byte, so that a fault belongs to the packet that is to be run.
    func missing(address: UInt64) -> (address: UInt64, bytes: UInt64)? {
        let wanted = UInt64(CommandPacket.prefix(ofHeader: bytes, remaining: remaining))
        guard UInt64(bytes.byteCount) < wanted else { return nil }
        let start = address + offset
        let toPageEnd = CommandReader.pageSize - start % CommandReader.pageSize
        return (start, min(remaining, max(wanted, toPageEnd)))
    }

    /// Says that `missing` has been fetched.
    mutating func fetched(_ bytes: UInt64) {
        held = offset..<offset + bytes
    }

    func decode() throws(CommandError) -> CommandPacket.Decoded {
        try CommandPacket.decode(bytes, remaining: remaining)
    }

    /// Goes to the next packet. `size` is at most `remaining`.
    mutating func advance(_ size: UInt64) {
        offset += size
    }

    /// What the window holds from the packet at hand on.
    private var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let skipped = held.contains(offset) ? Int(offset - held.lowerBound) : 0
            let count = held.contains(offset) ? Int(held.upperBound - offset) : 0
            // SAFETY: `held` never covers more than the window.
            let span = unsafe RawSpan(
                _unsafeBytes: UnsafeRawBufferPointer(start: window + skipped, count: count))
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }
}
