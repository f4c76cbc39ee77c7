internal import Glibc

/// The limit of open descriptors.
public enum OpenFiles {
    /// Raises the soft limit to the hard one: each guest needs a few descriptors, and the usual soft limit of 1024 is
    /// for programs that use select(2).
    public static func raiseLimit() throws(SystemError) {
        var limit = rlimit()
        // SAFETY: the calls read and fill the local variable before they return, here and below.
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw SystemError(code: errno, operation: "ask for the limit of open files")
        }
        limit.rlim_cur = limit.rlim_max
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw SystemError(code: errno, operation: "raise the limit of open files to \(limit.rlim_max)")
        }
    }
}
