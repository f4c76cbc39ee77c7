internal import Linux

/// Until when a call waits.
public enum Deadline: Hashable, Sendable {
    case never

    /// A time of the monotonic clock in nanoseconds.
    case at(UInt64)

    /// So many nanoseconds from now.
    public static func after(nanoseconds: UInt64) -> Deadline {
        let (time, overflow) = MonotonicClock.now.addingReportingOverflow(nanoseconds)
        return overflow ? .never : .at(time)
    }

    /// So many milliseconds from now.
    public static func after(milliseconds: UInt64) -> Deadline {
        let (nanoseconds, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .never : after(nanoseconds: nanoseconds)
    }
}
