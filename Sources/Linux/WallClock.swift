internal import Glibc

/// The clock of the calendar, which may be set. For the eyes of people, never for measuring.
public enum WallClock {
    /// Milliseconds since 1970-01-01 00:00 UTC.
    public static var now: Int64 {
        var time = timespec()
        // SAFETY: clock_gettime fills the local structure; the clock always exists.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
