internal import CLibuv
public import Linux

/// Calls back while a descriptor is ready.
public final class Poll {
    /// What a descriptor can be ready for.
    public struct Events: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// There is something to read or to accept, or the end of it.
        public static let readable = Events(rawValue: UV_READABLE.rawValue)
        /// There is room to write.
        public static let writable = Events(rawValue: UV_WRITABLE.rawValue)
        /// The peer has closed its sending side.
        public static let disconnected = Events(rawValue: UV_DISCONNECT.rawValue)
        /// The descriptor has a pending error: reading or writing tells which. Nothing is waited for any more until the
        /// next `update`. Only ever reported, never asked for.
        public static let failed = Events(rawValue: 1 << 31)
    }

    private let core: Core

    /// Waits for nothing yet. The descriptor is borrowed, must be non-blocking and stay open until `close()`, and has
    /// no other poll on this loop.
    public init(_ loop: EventLoop, descriptor: Int32, handler: @escaping (Events) -> Void) throws(SystemError) {
        core = try Core(loop, descriptor, handler)
    }

    deinit { core.close() }

    /// Waits for these events from now on; for none with an empty set.
    public func update(_ events: Events) { core.update(events) }

    /// Ends all callbacks. The descriptor may be closed as soon as this returns.
    public func close() { core.close() }

    private final class Core: LoopHandle {
        private var handler: ((Events) -> Void)?
        private var events: Events = []

        init(_ loop: EventLoop, _ descriptor: Int32, _ handler: @escaping (Events) -> Void) throws(SystemError) {
            self.handler = handler
            // SAFETY: the memory is as large as the structure.
            unsafe try super.init(
                loop, bytes: MemoryLayout<uv_poll_t>.size, "watch descriptor \(descriptor)"
            ) { loop, raw in
                unsafe uv_poll_init(loop, raw.assumingMemoryBound(to: uv_poll_t.self), descriptor)
            }
        }

        override func forget() { handler = nil }

        func update(_ wanted: Events) {
            guard !isClosed, wanted != events else { return }
            events = wanted
            let poll = unsafe raw.assumingMemoryBound(to: uv_poll_t.self)
            if wanted.isEmpty {
                unsafe uv_poll_stop(poll)
                return
            }
            unsafe uv_poll_start(poll, Int32(bitPattern: wanted.rawValue)) { handle, status, ready in
                unsafe Unmanaged<Core>.fromOpaque(handle!.pointee.data).takeUnretainedValue().fire(status, ready)
            }
        }

        /// A negative status is how libuv reports an error condition; it has stopped the handle by then.
        private func fire(_ status: Int32, _ ready: Int32) {
            if status < 0 {
                events = []
                handler?(.failed)
            } else {
                handler?(Events(rawValue: UInt32(bitPattern: ready)))
            }
        }
    }
}
