internal import CLibuv
internal import Linux

/// A libuv handle and what goes with it. libuv keeps the object until it has closed the handle; the loop is kept until
/// then too, so that neither outlives what it points to.
@safe
class LoopHandle {
    // SAFETY: allocated in init, freed in deinit, which libuv's own reference puts after the close callback.
    let raw: UnsafeMutableRawPointer
    private(set) var loop: EventLoop?

    /// Allocates the handle and has `start` initialise it, which returns 0 or a negative error number.
    @unsafe
    init(
        _ loop: EventLoop, bytes: Int, _ operation: @autoclosure () -> String,
        start: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutableRawPointer) -> Int32
    ) throws(SystemError) {
        self.loop = loop
        unsafe raw = .allocate(byteCount: bytes, alignment: 16)
        let result = unsafe start(loop.raw, raw)
        guard result == 0 else {
            self.loop = nil
            throw SystemError(code: -result, operation: operation())
        }
        unsafe handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    deinit {
        unsafe raw.deallocate()
    }

    @unsafe
    final var handle: UnsafeMutablePointer<uv_handle_t> {
        unsafe raw.assumingMemoryBound(to: uv_handle_t.self)
    }

    /// Whether `close()` was called.
    final var isClosed: Bool { loop == nil }

    /// Lets go of what the handle's user gave it.
    func forget() {}

    /// Ends all callbacks.
    final func close() {
        guard loop != nil else { return }
        // SAFETY: the callback gives up the reference that init made for libuv.
        unsafe uv_close(handle) { handle in
            unsafe Unmanaged<LoopHandle>.fromOpaque(handle!.pointee.data).release()
        }
        forget()
        loop = nil
    }
}
