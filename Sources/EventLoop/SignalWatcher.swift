internal import CLibuv
public import Linux

/// Calls back on the loop when the process gets a signal.
public final class SignalWatcher {
    private let core: Core

    /// Starts to watch. The signal's usual effect does not happen from then on.
    public init(_ loop: EventLoop, signal: Int32, handler: @escaping () -> Void) throws(SystemError) {
        core = try Core(loop, signal, handler)
    }

    deinit { core.close() }

    /// Stops watching.
    public func close() { core.close() }

    private final class Core: LoopHandle {
        private var handler: (() -> Void)?

        init(_ loop: EventLoop, _ signal: Int32, _ handler: @escaping () -> Void) throws(SystemError) {
            self.handler = handler
            // SAFETY: the memory is as large as the structure; this initialisation fails only for want of descriptors.
            unsafe try super.init(loop, bytes: MemoryLayout<uv_signal_t>.size, "watch signals") { loop, raw in
                unsafe uv_signal_init(loop, raw.assumingMemoryBound(to: uv_signal_t.self))
            }
            let result = unsafe uv_signal_start(
                raw.assumingMemoryBound(to: uv_signal_t.self),
                { handle, _ in unsafe Unmanaged<Core>.fromOpaque(handle!.pointee.data).takeUnretainedValue().fire() },
                signal)
            guard result == 0 else {
                close()
                throw SystemError(code: -result, operation: "watch signal \(signal)")
            }
        }

        override func forget() { handler = nil }

        private func fire() { handler?() }
    }
}
