internal import CLibuv
public import Linux

/// One thread's event loop (libuv).
///
/// The loop and everything made on it belong to the thread that runs it: no call is safe from another one. Handles keep
/// the loop alive until they are closed; each closes itself when the last reference to it goes.
@safe
public final class EventLoop {
    // SAFETY: allocated in init, freed in deinit after libuv has let go of every handle.
    let raw: UnsafeMutablePointer<uv_loop_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let check: UnsafeMutablePointer<uv_check_t>
    private let idle: UnsafeMutablePointer<uv_idle_t>

    /// One buffer for whatever stream is being read, which takes it out for that time.
    private var receiveBuffer = [UInt8](repeating: 0, count: 65536)

    private var deferred: [() -> Void] = []
    private var isStopping = false

    /// A new loop.
    public init() throws(SystemError) {
        unsafe raw = .allocate(capacity: 1)
        unsafe prepare = .allocate(capacity: 1)
        unsafe check = .allocate(capacity: 1)
        unsafe idle = .allocate(capacity: 1)
        let result = unsafe uv_loop_init(raw)
        guard result == 0 else {
            unsafe raw.deallocate()
            unsafe prepare.deallocate()
            unsafe check.deallocate()
            unsafe idle.deallocate()
            throw SystemError(code: -result, operation: "create an event loop")
        }
        // SAFETY: these handles live as long as the loop object, which they point to without owning it.
        let owner = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe uv_prepare_init(raw, prepare)
        unsafe uv_check_init(raw, check)
        unsafe uv_idle_init(raw, idle)
        unsafe prepare.pointee.data = owner
        unsafe check.pointee.data = owner
        unsafe uv_prepare_start(prepare) { handle in
            unsafe Unmanaged<EventLoop>.fromOpaque(handle!.pointee.data).takeUnretainedValue().runDeferred()
        }
        unsafe uv_check_start(check) { handle in
            unsafe Unmanaged<EventLoop>.fromOpaque(handle!.pointee.data).takeUnretainedValue().runDeferred()
        }
        unsafe uv_unref(UnsafeMutableRawPointer(prepare).assumingMemoryBound(to: uv_handle_t.self))
        unsafe uv_unref(UnsafeMutableRawPointer(check).assumingMemoryBound(to: uv_handle_t.self))
    }

    deinit {
        // Handles that were closed wait for the loop to tell them so.
        unsafe uv_close(UnsafeMutableRawPointer(prepare).assumingMemoryBound(to: uv_handle_t.self), nil)
        unsafe uv_close(UnsafeMutableRawPointer(check).assumingMemoryBound(to: uv_handle_t.self), nil)
        unsafe uv_close(UnsafeMutableRawPointer(idle).assumingMemoryBound(to: uv_handle_t.self), nil)
        unsafe uv_run(raw, UV_RUN_DEFAULT)
        let result = unsafe uv_loop_close(raw)
        precondition(result == 0, "an event loop went while it had open handles")
        unsafe prepare.deallocate()
        unsafe check.deallocate()
        unsafe idle.deallocate()
        unsafe raw.deallocate()
    }

    /// The monotonic time in nanoseconds, read at the call.
    public var now: UInt64 { MonotonicClock.now }

    /// Runs until `stop()` is called or nothing is left that could happen.
    public func run() {
        isStopping = false
        repeat {
            unsafe uv_run(raw, UV_RUN_DEFAULT)
            runDeferred()
        } while !isStopping && isAlive
    }

    private var isAlive: Bool {
        let hasHandles = unsafe uv_loop_alive(raw) != 0
        return hasHandles || !deferred.isEmpty
    }

    /// Runs one turn; waits for something to happen only if `waiting` is set.
    public func runTurn(waiting: Bool = false) {
        unsafe uv_run(raw, waiting ? UV_RUN_ONCE : UV_RUN_NOWAIT)
    }

    /// Has `run()` return at the end of this turn.
    public func stop() {
        isStopping = true
        unsafe uv_stop(raw)
    }

    /// Runs `body` at the end of the current turn of the loop, before it waits for anything.
    public func afterThisTurn(_ body: @escaping () -> Void) {
        deferred.append(body)
    }

    /// Calls `body` with the buffer that all streams read into.
    func withReceiveBuffer(_ body: (inout [UInt8]) -> Void) {
        var buffer: [UInt8] = []
        swap(&buffer, &receiveBuffer)
        precondition(!buffer.isEmpty, "a stream was read from within another's callback")
        body(&buffer)
        swap(&buffer, &receiveBuffer)
    }

    /// Runs what was deferred up to now. What that defers in turn runs at the next chance, after input and output had
    /// theirs; the idle handle keeps the loop from waiting until then.
    private func runDeferred() {
        if deferred.isEmpty { return }
        var bodies: [() -> Void] = []
        swap(&bodies, &deferred)
        for body in bodies { body() }
        if deferred.isEmpty {
            bodies.removeAll(keepingCapacity: true)
            swap(&bodies, &deferred)
            unsafe uv_idle_stop(idle)
        } else {
            unsafe uv_idle_start(idle) { _ in }
        }
    }
}
