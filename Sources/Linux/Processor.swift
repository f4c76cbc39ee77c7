internal import CLinux

/// What this machine's processor can do.
public enum Processor {
    /// Whether it has AVX2 and FMA, and the system lets programs use them.
    public static var hasAVX2: Bool { linux_has_avx2() != 0 }
}
