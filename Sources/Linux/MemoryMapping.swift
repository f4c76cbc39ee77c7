internal import CLinux
internal import Glibc

/// A shared mapping of a file, unmapped with the object.
///
/// Every access is checked against the mapping's size; one outside it is a programming error and stops the program, so
/// offsets that a guest chose are checked first. Map only files that cannot become shorter (`MemorySeals.shrink`) or
/// that a trusted process owns: touching a page that is gone raises SIGBUS.
@safe
public final class MemoryMapping {
    // SAFETY: `base` is the start of `count` mapped bytes from init to deinit; only `baseAddress` hands it out.
    private let base: UnsafeMutableRawPointer
    /// The mapped bytes.
    public let count: Int
    /// Whether stores are allowed.
    public let isWritable: Bool

    init(descriptor: Int32, offset: UInt64, bytes: UInt64, writable: Bool) throws(SystemError) {
        let operation = "map \(bytes) bytes at \(offset) of descriptor \(descriptor)"
        guard bytes > 0, let length = Int(exactly: bytes), let start = off_t(exactly: offset) else {
            throw SystemError(code: EINVAL, operation: operation)
        }
        let address = unsafe mmap(
            nil, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor, start)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw SystemError(code: errno, operation: operation)
        }
        unsafe base = address
        count = length
        isWritable = writable
    }

    deinit {
        unsafe munmap(base, count)
    }

    /// The first of the mapped bytes, for those who keep the mapping as long as they use it.
    @unsafe
    public var baseAddress: UnsafeMutableRawPointer { unsafe base }

    /// Loads a little-endian 64-bit word with acquire order. The offset is a multiple of 8.
    public func loadUInt64(at offset: Int) -> UInt64 {
        checkWord(offset)
        return UInt64(littleEndian: unsafe linux_load_acquire(base + offset))
    }

    /// Stores a little-endian 64-bit word with release order: whoever loads it with acquire order sees all that was
    /// stored before. The offset is a multiple of 8.
    public func storeUInt64(_ value: UInt64, at offset: Int) {
        checkWord(offset)
        precondition(isWritable, "store to a mapping for reading")
        unsafe linux_store_release(base + offset, value.littleEndian)
    }

    /// Copies all of another mapping of the same size in, by memcpy.
    public func copy(from source: MemoryMapping) {
        precondition(count == source.count, "mappings of different sizes")
        precondition(isWritable, "store to a mapping for reading")
        unsafe memcpy(base, source.base, count)
    }

    /// Copies bytes out.
    public func read(at offset: Int, into destination: inout MutableRawSpan) {
        check(offset, destination.byteCount)
        let source = unsafe UnsafeRawBufferPointer(start: base + offset, count: destination.byteCount)
        unsafe destination.withUnsafeMutableBytes { unsafe $0.copyMemory(from: source) }
    }

    /// Copies bytes out.
    public func read(at offset: Int, count: Int) -> [UInt8] {
        check(offset, count)
        return unsafe [UInt8](UnsafeRawBufferPointer(start: base + offset, count: count))
    }

    /// Copies bytes in.
    public func write(_ source: RawSpan, at offset: Int) {
        check(offset, source.byteCount)
        precondition(isWritable, "write to a mapping for reading")
        let destination = unsafe UnsafeMutableRawBufferPointer(start: base + offset, count: source.byteCount)
        unsafe source.withUnsafeBytes { unsafe destination.copyMemory(from: $0) }
    }

    /// Copies bytes in.
    public func write(_ source: [UInt8], at offset: Int) {
        write(unsafe source.span.bytes, at: offset)
    }

    private func check(_ offset: Int, _ bytes: Int) {
        precondition(
            offset >= 0 && bytes >= 0 && offset <= count && bytes <= count - offset, "access outside the mapping")
    }

    private func checkWord(_ offset: Int) {
        check(offset, 8)
        precondition(offset & 7 == 0, "unaligned word")
    }
}
