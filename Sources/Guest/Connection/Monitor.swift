internal import Glibc

/// State that several threads share, and on whose changes they wait.
@safe
final class Monitor<State: Sendable>: @unchecked Sendable {
    // SAFETY: `lock` guards `state`; both primitives live from init to deinit at fixed addresses.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let change: UnsafeMutablePointer<pthread_cond_t>
    private var state: State

    init(_ state: State) {
        self.state = state
        unsafe lock = .allocate(capacity: 1)
        unsafe change = .allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(change, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(change)
        unsafe pthread_mutex_destroy(lock)
        unsafe change.deallocate()
        unsafe lock.deallocate()
    }

    /// Looks at the state.
    func read<Value>(_ body: (State) -> Value) -> Value {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        return body(state)
    }

    /// Changes the state and wakes all who wait.
    func update<Value>(_ body: (inout State) -> Value) -> Value {
        unsafe pthread_mutex_lock(lock)
        defer {
            unsafe pthread_cond_broadcast(change)
            unsafe pthread_mutex_unlock(lock)
        }
        return body(&state)
    }

    /// Waits until `body` gives a value, which it may take out of the state. Nothing if the deadline passes first.
    func wait<Value>(until deadline: Deadline, _ body: (inout State) -> Value?) -> Value? {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        while true {
            if let value = body(&state) { return value }
            switch deadline {
            case .never:
                unsafe pthread_cond_wait(change, lock)
            case .at(let nanoseconds):
                var time = timespec(
                    tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
                if unsafe pthread_cond_timedwait(change, lock, &time) == ETIMEDOUT { return body(&state) }
            }
        }
    }
}
