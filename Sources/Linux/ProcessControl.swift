internal import CLinux
internal import Glibc

/// How a process ended.
public enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
    /// It returned or called exit with this code, 0 to 255.
    case exited(Int32)
    /// A signal ended it.
    case signalled(Int32)

    public var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .signalled(let signal): "ended by signal \(signal)"
        }
    }
}

/// Calls about processes and threads.
public enum ProcessControl {
    /// This process's id.
    public static var processID: Int32 { getpid() }

    /// The file that this process runs, or nil where it cannot be found out.
    public static var executablePath: String? {
        unsafe [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
            // SAFETY: readlink writes at most the buffer's length and says how much.
            let length = unsafe buffer.withMemoryRebound(to: CChar.self) { text in
                unsafe text.baseAddress.map { unsafe readlink("/proc/self/exe", $0, text.count) } ?? -1
            }
            count = max(0, length)
        }.nonEmptyText
    }

    /// The calling thread's id.
    public static var threadID: Int32 { linux_gettid() }

    /// A close-on-exec descriptor that becomes readable when the process ends.
    public static func openDescriptor(process: Int32) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try systemCall("open a descriptor of process \(process)") { linux_pidfd_open(process) })
    }

    /// Sends a signal to a process.
    public static func signal(_ signal: Int32, process: Int32) throws(SystemError) {
        _ = try systemCall("send signal \(signal) to process \(process)") { kill(process, signal) }
    }

    /// Sends a signal to one thread of a process.
    public static func signal(_ signal: Int32, thread: Int32, process: Int32) throws(SystemError) {
        _ = try systemCall("send signal \(signal) to thread \(thread) of process \(process)") {
            linux_tgkill(process, thread, signal)
        }
    }

    /// Collects a child that has ended, by its process descriptor; nothing while it runs.
    public static func collect(child descriptor: borrowing FileDescriptor) throws(SystemError) -> ExitStatus? {
        let number = descriptor.rawValue
        var information = unsafe siginfo_t()
        // SAFETY: waitid fills the local structure before it returns.
        _ = try systemCall("wait for the process of descriptor \(number)") {
            unsafe waitid(P_PIDFD, id_t(number), &information, WEXITED | WNOHANG)
        }
        guard unsafe information.si_signo == SIGCHLD else { return nil }
        // SAFETY: for SIGCHLD the kernel fills the member of the union that is read here.
        let status = unsafe information._sifields._sigchld.si_status
        return unsafe information.si_code == CLD_EXITED ? .exited(status) : .signalled(status)
    }

    /// From now on no program that this process starts gains rights from its file. Cannot be undone.
    public static func setNoNewPrivileges() throws(SystemError) {
        _ = try systemCall("set no_new_privs") { linux_set_no_new_privileges() }
    }

    /// Has the kernel send this process a signal when the thread that started it ends. Whoever calls it checks
    /// afterwards that the parent is still the one it expects.
    public static func setParentDeathSignal(_ signal: Int32) throws(SystemError) {
        _ = try systemCall("set the parent death signal") { linux_set_parent_death_signal(signal) }
    }

    /// Whether other processes of the same user may trace this one, read its memory or get its core.
    public static func setDumpable(_ on: Bool) throws(SystemError) {
        _ = try systemCall("set dumpable") { linux_set_dumpable(on ? 1 : 0) }
    }

    /// Closes every descriptor from `first` on.
    public static func closeDescriptors(from first: Int32) throws(SystemError) {
        _ = try systemCall("close descriptors from \(first)") { linux_close_range(UInt32(max(0, first)), .max) }
    }

    /// Keeps every descriptor from `first` on out of programs that are started from now on, also those that this
    /// process itself was started with.
    public static func closeDescriptorsOnExecution(from first: Int32) throws(SystemError) {
        _ = try systemCall("keep descriptors from \(first) out of other programs") {
            linux_close_range_on_exec(UInt32(max(0, first)), .max)
        }
    }

    /// Lets all signals through to the calling thread and those that it starts. A program inherits what its parent's
    /// thread blocked, and some libraries block nearly everything on theirs.
    public static func unblockSignals() {
        var none = sigset_t()
        unsafe sigemptyset(&none)
        // SAFETY: the set is only read during the call.
        _ = unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
    }

    /// Makes a write to a peer that is gone an error instead of the end of the process.
    public static func ignoreBrokenPipes() {
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
    }
}

extension [UInt8] {
    fileprivate var nonEmptyText: String? { isEmpty ? nil : String(decoding: self, as: UTF8.self) }
}
