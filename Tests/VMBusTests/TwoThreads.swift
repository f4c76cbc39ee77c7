import Glibc

/// The doorbells of two threads that wait for each other. If both wait and neither bell was rung, none ever will be:
/// that is found, not waited for.
@safe
final class Doorbells: @unchecked Sendable {
    enum Side: Int {
        case writer, reader
    }

    // SAFETY: `lock` guards the rest; both primitives live from init to deinit at fixed addresses.
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let change: UnsafeMutablePointer<pthread_cond_t>
    private var isRung = [false, false]
    private var isWaiting = [false, false]
    private var isStalled = false
    /// How often each bell was rung.
    private(set) var count = [0, 0]

    init() {
        unsafe lock = .allocate(capacity: 1)
        unsafe change = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(change, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(change)
        unsafe pthread_mutex_destroy(lock)
        unsafe change.deallocate()
        unsafe lock.deallocate()
    }

    func ring(_ side: Side) {
        unsafe pthread_mutex_lock(lock)
        isRung[side.rawValue] = true
        count[side.rawValue] += 1
        unsafe pthread_cond_broadcast(change)
        unsafe pthread_mutex_unlock(lock)
    }

    /// Waits for the side's bell; false if both sides wait for nothing.
    func wait(_ side: Side) -> Bool {
        unsafe pthread_mutex_lock(lock)
        defer { unsafe pthread_mutex_unlock(lock) }
        isWaiting[side.rawValue] = true
        while !isRung[side.rawValue], !isStalled {
            if isWaiting == [true, true], isRung == [false, false] {
                isStalled = true
                unsafe pthread_cond_broadcast(change)
            } else {
                unsafe pthread_cond_wait(change, lock)
            }
        }
        isWaiting[side.rawValue] = false
        isRung[side.rawValue] = false
        return !isStalled
    }

    /// The side is done: it waits for ever.
    func leave(_ side: Side) {
        unsafe pthread_mutex_lock(lock)
        isWaiting[side.rawValue] = true
        if isWaiting == [true, true], isRung == [false, false] { isStalled = true }
        unsafe pthread_cond_broadcast(change)
        unsafe pthread_mutex_unlock(lock)
    }
}

/// Runs a function on a thread of its own beside another on this one.
func runBeside(_ other: @escaping @Sendable () -> Void, _ body: () -> Void) {
    final class Box: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(Box(other))
    // SAFETY: the thread takes over the reference.
    let code = unsafe pthread_create(
        &thread, nil,
        { argument in
            unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().run()
            return nil
        }, box.toOpaque())
    precondition(code == 0, "no thread")
    body()
    pthread_join(thread, nil)
}
