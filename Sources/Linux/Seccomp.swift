public import CLinux
internal import Glibc

/// How a system call filter is installed.
public struct SeccompFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// All threads of the process get the filter.
    public static let allThreads = SeccompFlags(
        rawValue: LINUX_SECCOMP_THREAD_SYNC | LINUX_SECCOMP_THREAD_SYNC_ESRCH)
    /// The CPU's protection against speculative store bypass stays as it is.
    public static let speculationAllowed = SeccompFlags(rawValue: LINUX_SECCOMP_SPEC_ALLOW)
    /// A thread whose call was received waits for the answer through every signal but a deadly one (from Linux 5.19).
    public static let killableWait = SeccompFlags(rawValue: LINUX_SECCOMP_WAIT_KILLABLE)
}

/// System call filters: seccomp(2).
public enum Seccomp {
    /// Installs a filter for the calling thread, or for all threads. Needs `ProcessControl.setNoNewPrivileges()` first.
    public static func install(_ program: [sock_filter], flags: SeccompFlags = []) throws(SystemError) {
        _ = try install(program, rawFlags: flags.rawValue)
    }

    /// Installs a filter whose `SECCOMP_RET_USER_NOTIF` decisions go to the listener that is returned.
    public static func installWithListener(
        _ program: [sock_filter], flags: SeccompFlags = []
    ) throws(SystemError) -> SeccompListener {
        let number = try install(program, rawFlags: flags.rawValue | LINUX_SECCOMP_NEW_LISTENER)
        return SeccompListener(adopting: FileDescriptor(owning: number))
    }

    private static func install(_ program: [sock_filter], rawFlags: UInt32) throws(SystemError) -> Int32 {
        let operation = "install a system call filter of \(program.count) instructions"
        guard let count = UInt16(exactly: program.count) else { throw SystemError(code: E2BIG, operation: operation) }
        // SAFETY: the kernel copies `count` instructions during the call.
        return try systemCall(operation) { unsafe linux_seccomp_install(program, count, rawFlags) }
    }
}

/// A system call that waits for a decision.
public struct SeccompNotification: Sendable {
    /// Names the waiting call in the answer.
    public let identifier: UInt64
    /// The thread that made the call.
    public let thread: UInt32
    /// The number of the call and the architecture (`AUDIT_ARCH_…`) it belongs to.
    public let number: Int32
    /// `AUDIT_ARCH_…`.
    public let architecture: UInt32
    /// The instruction after the call.
    public let instructionPointer: UInt64
    /// The six argument registers.
    public let arguments: [6 of UInt64]
}

/// The deciding end of a filter with user notification.
public struct SeccompListener: ~Copyable, Sendable {
    /// The descriptor: readable while a call waits.
    public let descriptor: FileDescriptor

    /// Takes over a listener's descriptor.
    public init(adopting descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }

    /// The next waiting call. Waits for one unless the descriptor was polled; nothing if the caller was killed
    /// meanwhile.
    public borrowing func receive() throws(SystemError) -> SeccompNotification? {
        let number = descriptor.rawValue
        var raw = seccomp_notif()
        do {
            // SAFETY: the kernel fills the local structure before the call returns.
            _ = try systemCall("receive from system call listener \(number)") {
                unsafe linux_seccomp_receive(number, &raw)
            }
        } catch {
            if error.code == ENOENT { return nil }
            throw error
        }
        let values = raw.data.args
        return SeccompNotification(
            identifier: raw.id, thread: raw.pid, number: raw.data.nr, architecture: raw.data.arch,
            instructionPointer: raw.data.instruction_pointer,
            arguments: [values.0, values.1, values.2, values.3, values.4, values.5])
    }

    /// Lets the kernel carry out the call. Only for calls that are harmless whatever their arguments: another thread
    /// may have changed what they point to.
    public borrowing func allow(_ identifier: UInt64) throws(SystemError) {
        try respond(identifier, value: 0, error: 0, proceed: true)
    }

    /// Has the call fail with an error number.
    public borrowing func fail(_ identifier: UInt64, code: Int32) throws(SystemError) {
        try respond(identifier, value: 0, error: -code, proceed: false)
    }

    /// Has the call return a value without being carried out.
    public borrowing func answer(_ identifier: UInt64, value: Int64) throws(SystemError) {
        try respond(identifier, value: value, error: 0, proceed: false)
    }

    /// Whether the call still waits: its thread may be gone.
    public borrowing func isPending(_ identifier: UInt64) -> Bool {
        linux_seccomp_is_pending(descriptor.rawValue, identifier) == 0
    }

    /// Asks for a faster hand-over of the CPU to the answered thread. Says whether the kernel does that (from Linux
    /// 6.6).
    public borrowing func useSynchronousWakeup() -> Bool {
        linux_seccomp_set_synchronous_wakeup(descriptor.rawValue) == 0
    }

    private borrowing func respond(
        _ identifier: UInt64, value: Int64, error: Int32, proceed: Bool
    ) throws(SystemError) {
        let number = descriptor.rawValue
        _ = try systemCall("answer system call \(identifier)") {
            linux_seccomp_respond(number, identifier, value, error, proceed ? 1 : 0)
        }
    }
}
