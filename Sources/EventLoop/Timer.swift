internal import CLibuv
internal import Linux

/// Calls back once when a time has come, never before it; up to about a millisecond later.
public final class Timer {
    private let core: Core

    /// A stopped timer.
    public init(_ loop: EventLoop, handler: @escaping () -> Void) {
        core = Core(loop, handler)
    }

    deinit { core.close() }

    /// Whether the timer waits for a time to come.
    public var isRunning: Bool { core.deadline != nil }

    /// Starts it, in place of an earlier start, for so many nanoseconds from now.
    public func start(afterNanoseconds nanoseconds: UInt64) {
        let (deadline, overflow) = MonotonicClock.now.addingReportingOverflow(nanoseconds)
        start(at: overflow ? .max : deadline)
    }

    /// Starts it, in place of an earlier start, for a monotonic time in nanoseconds.
    public func start(at deadline: UInt64) { core.start(deadline) }

    /// Forgets the time.
    public func stop() { core.stop() }

    /// Stops for good.
    public func close() { core.close() }

    private final class Core: LoopHandle {
        private var handler: (() -> Void)?
        private(set) var deadline: UInt64?

        init(_ loop: EventLoop, _ handler: @escaping () -> Void) {
            self.handler = handler
            // SAFETY: the memory is as large as the structure; this initialisation cannot fail.
            do {
                unsafe try super.init(loop, bytes: MemoryLayout<uv_timer_t>.size, "create a timer") { loop, raw in
                    unsafe uv_timer_init(loop, raw.assumingMemoryBound(to: uv_timer_t.self))
                }
            } catch {
                preconditionFailure("\(error)")
            }
        }

        override func forget() {
            handler = nil
            deadline = nil
        }

        func start(_ deadline: UInt64) {
            guard let loop else { return }
            self.deadline = deadline
            let now = MonotonicClock.now
            let milliseconds = deadline > now ? (deadline - now - 1) / 1_000_000 + 1 : 0
            unsafe uv_update_time(loop.raw)
            unsafe uv_timer_start(
                raw.assumingMemoryBound(to: uv_timer_t.self),
                { unsafe Unmanaged<Core>.fromOpaque($0!.pointee.data).takeUnretainedValue().fire() }, milliseconds, 0)
        }

        func stop() {
            guard !isClosed else { return }
            deadline = nil
            unsafe uv_timer_stop(raw.assumingMemoryBound(to: uv_timer_t.self))
        }

        /// libuv counts whole milliseconds and may be early by the fraction it cuts off.
        private func fire() {
            guard let deadline else { return }
            if MonotonicClock.now < deadline { return start(deadline) }
            self.deadline = nil
            handler?()
        }
    }
}
