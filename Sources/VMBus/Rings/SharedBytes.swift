internal import Synchronization

/// Memory that this side and a peer, which may be hostile, read and write at the same time.
///
/// Words of 32 bits are atomic. Longer runs are copied, and a copy may hold any mixture of what the peer writes
/// meanwhile: it is checked after it was made, and what was checked is not read again. Access outside of the memory is
/// a programming error and stops the program, so places that a peer chose are checked first.
@safe
public struct SharedBytes {
    // SAFETY: `base` is the start of `count` bytes, aligned to 8, which stay mapped as long as `owner` lives. Every
    // access is checked against `count`.
    private let base: UnsafeMutableRawPointer
    /// How many bytes there are.
    public let count: Int
    private let owner: AnyObject

    /// Memory that may be read and written as long as `owner` lives. `base` is a multiple of 8.
    @unsafe
    public init(base: UnsafeMutableRawPointer, count: Int, owner: AnyObject) {
        precondition(count >= 0 && UInt(bitPattern: base) & 7 == 0, "unaligned shared memory")
        unsafe self.base = base
        self.count = count
        self.owner = owner
    }

    /// A part that starts at a multiple of 8.
    public func extracting(_ range: Range<Int>) -> SharedBytes {
        check(range.lowerBound, range.count)
        return unsafe SharedBytes(base: base + range.lowerBound, count: range.count, owner: owner)
    }

    /// The little-endian word at a multiple of 4, with acquire order.
    public func load(at offset: Int) -> UInt32 {
        UInt32(littleEndian: unsafe word(offset).pointee.load(ordering: .acquiring))
    }

    /// Stores a little-endian word at a multiple of 4, with release order.
    public func store(_ value: UInt32, at offset: Int) {
        unsafe word(offset).pointee.store(value.littleEndian, ordering: .releasing)
    }

    /// Orders all earlier accesses before all later ones, stores before loads too.
    public static func fence() {
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Copies bytes out, to `position` of the array, which is large enough.
    public func read(at offset: Int, count: Int, into bytes: inout [UInt8], at position: Int = 0) {
        check(offset, count)
        precondition(position >= 0 && count <= bytes.count - position, "no room for the bytes")
        let source = unsafe UnsafeRawBufferPointer(start: base + offset, count: count)
        unsafe bytes.withUnsafeMutableBytes {
            unsafe UnsafeMutableRawBufferPointer(rebasing: $0[position..<position + count]).copyMemory(from: source)
        }
    }

    /// Copies bytes in.
    public func write(_ bytes: RawSpan, at offset: Int) {
        check(offset, bytes.byteCount)
        let target = unsafe UnsafeMutableRawBufferPointer(start: base + offset, count: bytes.byteCount)
        unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) }
    }

    /// Fills a run with zeros.
    public func clear(at offset: Int, count: Int) {
        check(offset, count)
        unsafe (base + offset).initializeMemory(as: UInt8.self, repeating: 0, count: count)
    }

    @unsafe
    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        check(offset, 4)
        precondition(offset & 3 == 0, "unaligned word")
        // SAFETY: an atomic word has the layout of the word.
        return unsafe (base + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    private func check(_ offset: Int, _ bytes: Int) {
        precondition(
            offset >= 0 && bytes >= 0 && offset <= count && bytes <= count - offset, "access outside shared memory")
    }
}
