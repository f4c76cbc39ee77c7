internal import CLinux
internal import Glibc

/// What this machine's processors can do.
public enum Processor {
    /// Whether they have AVX2 and FMA, and the system lets programs use them.
    public static var hasAVX2: Bool { linux_has_avx2() != 0 }

    /// How many are in use, at least 1.
    public static var count: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
