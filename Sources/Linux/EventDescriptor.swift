internal import CLinux
internal import Glibc

/// A counter in the kernel that a poll can wait for (eventfd): the doorbell between processes. It never waits itself.
public final class EventDescriptor: Sendable {
    /// The descriptor: readable while the counter is above zero.
    public let descriptor: FileDescriptor

    /// A new counter at zero.
    public init() throws(SystemError) {
        descriptor = FileDescriptor(owning: try systemCall("create an eventfd") { linux_eventfd(0, 0) })
    }

    /// Takes over a descriptor that came from elsewhere and is an eventfd; it is made non-blocking.
    public init(adopting descriptor: consuming FileDescriptor) throws(SystemError) {
        try descriptor.setNonBlocking(true)
        self.descriptor = descriptor
    }

    /// Adds one. A counter that is full stays so: it is signalled already.
    public func signal() throws(SystemError) {
        let number = descriptor.rawValue
        var one: UInt64 = 1
        // SAFETY: write reads the 8 bytes of the local variable.
        _ = try nonblockingSystemCall("signal eventfd \(number)") { unsafe Glibc.write(number, &one, 8) }
    }

    /// The counter, which becomes zero; zero if nothing was signalled.
    public func take() throws(SystemError) -> UInt64 {
        let number = descriptor.rawValue
        var value: UInt64 = 0
        // SAFETY: read fills the 8 bytes of the local variable.
        let count = try nonblockingSystemCall("read eventfd \(number)") { unsafe Glibc.read(number, &value, 8) }
        return count == 8 ? value : 0
    }
}
