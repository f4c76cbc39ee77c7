internal import Glibc

/// A failed system call: what was attempted and the kernel's answer.
///
/// Also carries failures that the program itself finds in what it read from the system, with the error number that
/// fits best.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The error number, as in `errno`.
    public let code: Int32
    /// What was attempted, with the names and numbers that matter: `bind /run/understudy.sock`.
    public let operation: String

    /// An error with the given number for the named operation.
    public init(code: Int32, operation: String) {
        self.code = code
        self.operation = operation
    }

    /// The operation and the system's text for the error number: `bind /tmp/x: Address already in use`.
    public var description: String { "\(operation): \(Self.text(of: code))" }

    /// The system's text for an error number.
    public static func text(of code: Int32) -> String {
        // SAFETY: glibc's strerror returns a string that stays valid on this thread until its next call there, and
        // never null; it is copied at once.
        unsafe String(cString: strerror(code))
    }
}

/// Makes a system call, again for as long as a signal interrupts it, and turns a negative result into an error.
func systemCall<Result: SignedInteger>(
    _ operation: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw SystemError(code: code, operation: operation()) }
    }
}

/// The same for a descriptor that must not wait: no result where the call would have had to.
func nonblockingSystemCall<Result: SignedInteger>(
    _ operation: @autoclosure () -> String, _ body: () -> Result
) throws(SystemError) -> Result? {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = errno
        if code == EAGAIN || code == EWOULDBLOCK { return nil }
        if code != EINTR { throw SystemError(code: code, operation: operation()) }
    }
}
