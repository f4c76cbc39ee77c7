internal import CLinux
internal import Glibc

/// What may no longer be done to a memory file, by anybody who holds a descriptor of it.
public struct MemorySeals: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// No further seals.
    public static let seal = MemorySeals(rawValue: UInt32(LINUX_SEAL_SEAL))
    /// The file never becomes shorter: a mapping of it cannot raise SIGBUS.
    public static let shrink = MemorySeals(rawValue: UInt32(LINUX_SEAL_SHRINK))
    /// The file never becomes longer.
    public static let grow = MemorySeals(rawValue: UInt32(LINUX_SEAL_GROW))
    /// The bytes never change.
    public static let write = MemorySeals(rawValue: UInt32(LINUX_SEAL_WRITE))

    /// The size is final and so are the seals: memory to share with a process that is not trusted.
    public static let fixedSize: MemorySeals = [.shrink, .grow, .seal]
    /// Size and content are final.
    public static let immutable: MemorySeals = [.shrink, .grow, .write, .seal]
}

/// Memory that processes share by passing a descriptor: a memory file of fixed size. Pages exist once they are touched.
public final class SharedMemory: Sendable {
    /// The memory file.
    public let descriptor: FileDescriptor
    /// Its size in bytes.
    public let bytes: UInt64

    /// Creates `bytes` bytes of zeros. The name is for humans, in `/proc/<pid>/fd`.
    ///
    /// With the seals of the default the size is final and no holder of the descriptor can take away anybody's right to
    /// write; pass others to seal the content later.
    public init(name: String, bytes: UInt64, seals: MemorySeals = .fixedSize) throws(SystemError) {
        // SAFETY: the name is only read during the call.
        let file = FileDescriptor(
            owning: try systemCall("create memory file \(name)") { unsafe linux_memfd_create(name) })
        let number = file.rawValue
        guard bytes <= UInt64(off_t.max) else {
            throw SystemError(code: EOVERFLOW, operation: "give memory file \(name) \(bytes) bytes")
        }
        _ = try systemCall("give memory file \(name) \(bytes) bytes") { ftruncate(number, off_t(bytes)) }
        descriptor = file
        self.bytes = bytes
        if !seals.isEmpty { try seal(seals) }
    }

    /// Takes over a descriptor that came from elsewhere, with the size it has now.
    ///
    /// Whoever sent it may still change the file unless it is sealed: see `seals()`.
    public init(adopting file: consuming FileDescriptor) throws(SystemError) {
        let status = try file.status()
        guard status.isRegular else {
            throw SystemError(code: EINVAL, operation: "use descriptor \(file.rawValue) as memory: not a regular file")
        }
        bytes = status.size
        descriptor = file
    }

    /// Opens a file of memory that has a name, such as one in /dev/shm, for reading and writing, with the size it has
    /// now.
    ///
    /// EINVAL for a file that is not on tmpfs: calls on it could wait for a disk or for somebody else, or it could not
    /// be mapped page by page. Whoever else can open it may still change it: see `seals()`.
    public convenience init(opening path: String) throws(SystemError) {
        // SAFETY: the path is only read during the call. Nothing waits at a file of another kind.
        let file = FileDescriptor(
            owning: try systemCall("open \(path)") { unsafe open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) })
        let number = file.rawValue
        let isOnTmpfs = try systemCall("stat the file system of \(path)") { linux_is_on_tmpfs(number) } == 1
        guard isOnTmpfs, try file.status().isRegular else {
            throw SystemError(code: EINVAL, operation: "use \(path) as memory: not a file on tmpfs, as in /dev/shm")
        }
        try self.init(adopting: file)
    }

    /// Adds seals.
    public func seal(_ seals: MemorySeals) throws(SystemError) {
        let number = descriptor.rawValue
        _ = try systemCall("seal memory file \(number)") { linux_add_seals(number, seals.rawValue) }
    }

    /// The seals as they are; an error for a file that takes none.
    public func seals() throws(SystemError) -> MemorySeals {
        let number = descriptor.rawValue
        let value = try systemCall("read the seals of descriptor \(number)") { linux_get_seals(number) }
        return MemorySeals(rawValue: UInt32(value))
    }

    /// Fills `destination` from the bytes at `offset`.
    public func read(at offset: UInt64, into destination: inout MutableRawSpan) throws(SystemError) {
        try descriptor.read(at: offset, into: &destination)
    }

    /// The `count` bytes at `offset`.
    public func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        try descriptor.read(at: offset, count: count)
    }

    /// Writes all of `source` at `offset`. Writing past the end is ENXIO: the size is fixed.
    public func write(_ source: RawSpan, at offset: UInt64) throws(SystemError) {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(source.byteCount))
        guard !overflow, end <= bytes else {
            throw SystemError(
                code: ENXIO, operation: "write \(source.byteCount) bytes at \(offset) of \(bytes) bytes of memory")
        }
        try descriptor.write(source, at: offset)
    }

    /// Writes all of `source` at `offset`. Writing past the end is ENXIO: the size is fixed.
    public func write(_ source: [UInt8], at offset: UInt64) throws(SystemError) {
        try write(unsafe source.span.bytes, at: offset)
    }

    /// Gives the pages of a range back; it reads as zeros afterwards. A page that the range covers in part is kept and
    /// zeroed there.
    public func punchHole(_ range: Range<UInt64>) throws(SystemError) {
        if range.isEmpty { return }
        let number = descriptor.rawValue
        guard range.upperBound <= UInt64(off_t.max) else {
            throw SystemError(code: EOVERFLOW, operation: "punch a hole at \(range.lowerBound)")
        }
        _ = try systemCall("punch a hole of \(range.count) bytes at \(range.lowerBound) of descriptor \(number)") {
            linux_punch_hole(number, Int64(range.lowerBound), Int64(range.count))
        }
    }

    /// Maps a range that starts on a page boundary and lies within the file.
    public func map(_ range: Range<UInt64>, writable: Bool = true) throws(SystemError) -> MemoryMapping {
        guard range.upperBound <= bytes else {
            throw SystemError(
                code: ENXIO, operation: "map \(range.lowerBound)..<\(range.upperBound) of \(bytes) bytes of memory")
        }
        return try MemoryMapping(
            descriptor: descriptor.rawValue, offset: range.lowerBound, bytes: range.upperBound - range.lowerBound,
            writable: writable)
    }

    /// Maps all of it.
    public func map(writable: Bool = true) throws(SystemError) -> MemoryMapping {
        try map(0..<bytes, writable: writable)
    }
}
