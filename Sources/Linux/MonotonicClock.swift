internal import Glibc

/// The clock that never jumps.
public enum MonotonicClock {
    /// Nanoseconds since some moment before the system's start of work.
    public static var now: UInt64 {
        var time = timespec()
        // SAFETY: clock_gettime fills the local structure; the clock always exists.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
