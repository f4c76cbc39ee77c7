internal import CLinux
internal import Glibc

/// A file descriptor with one owner, closed when the owner lets go of it.
public struct FileDescriptor: ~Copyable, Sendable {
    /// The number, borrowed: valid for as long as this value lives.
    public let rawValue: Int32

    /// Takes over a descriptor that nobody else closes.
    public init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        _ = close(rawValue)
    }

    /// Gives the number away; the receiver closes it.
    public consuming func release() -> Int32 {
        let number = rawValue
        discard self
        return number
    }

    /// A second, close-on-exec descriptor for the same open file.
    public borrowing func duplicate() throws(SystemError) -> FileDescriptor {
        try FileDescriptor(duplicating: rawValue)
    }

    /// A close-on-exec duplicate of a descriptor that somebody else owns.
    public init(duplicating number: Int32) throws(SystemError) {
        self.init(owning: try systemCall("duplicate descriptor \(number)") { linux_duplicate(number) })
    }

    /// Switches waiting calls on and off for everybody who shares the open file.
    public borrowing func setNonBlocking(_ on: Bool) throws(SystemError) {
        let number = rawValue
        _ = try systemCall("set the flags of descriptor \(number)") { linux_set_nonblocking(number, on ? 1 : 0) }
    }

    /// Whether the file is open for both reading and writing.
    public borrowing func isReadWrite() throws(SystemError) -> Bool {
        let number = rawValue
        let flags = try systemCall("read the flags of descriptor \(number)") { fcntl(number, F_GETFL) }
        return flags & O_ACCMODE == O_RDWR
    }

    /// What the descriptor refers to.
    public borrowing func status() throws(SystemError) -> FileStatus {
        try FileStatus(of: rawValue)
    }
}

/// The parts of a file's status that matter here.
public struct FileStatus: Hashable, Sendable {
    /// The device and the inode: together they name the file for as long as it exists.
    public let device: UInt64
    /// The inode's number on the device.
    public let inode: UInt64
    /// The size in bytes, never negative.
    public let size: UInt64
    /// Whether it is a regular file (memory files are).
    public let isRegular: Bool
    /// Whether it is a socket file.
    public let isSocket: Bool

    private init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = UInt64(max(0, status.st_size))
        isRegular = status.st_mode & S_IFMT == S_IFREG
        isSocket = status.st_mode & S_IFMT == S_IFSOCK
    }

    /// The status of an open file.
    public init(of descriptor: Int32) throws(SystemError) {
        var status = stat()
        // SAFETY: fstat fills the local structure before it returns.
        _ = try systemCall("stat descriptor \(descriptor)") { unsafe fstat(descriptor, &status) }
        self.init(status)
    }

    /// The status of the file with this name; a symbolic link is not followed.
    public init(ofFile path: String) throws(SystemError) {
        var status = stat()
        // SAFETY: as above; the path is only read during the call.
        _ = try systemCall("stat \(path)") { unsafe lstat(path, &status) }
        self.init(status)
    }
}
