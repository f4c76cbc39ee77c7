internal import Glibc
internal import Linux
internal import Synchronization

/// A thread of the library, which runs one function to its end. Dropping the object lets the thread run on by itself.
final class ServiceThread: Sendable {
    private let identifier: pthread_t
    private let isClaimed = Atomic(false)

    /// Starts the thread.
    init(_ body: sending @escaping () -> Void) throws(GuestError) {
        var identifier = pthread_t()
        let box = unsafe Unmanaged.passRetained(Body(body))
        // SAFETY: the new thread takes over the reference; if there is none, it is released here.
        let code = unsafe pthread_create(&identifier, nil, runServiceThread, box.toOpaque())
        if code != 0 {
            unsafe box.release()
            throw .system(SystemError(code: code, operation: "start a thread"))
        }
        self.identifier = identifier
    }

    deinit {
        if !isClaimed.load(ordering: .relaxed) { pthread_detach(identifier) }
    }

    /// Waits for the end of the function; on the thread itself, or a second time, it returns at once.
    func join() {
        guard pthread_equal(identifier, pthread_self()) == 0, !isClaimed.exchange(true, ordering: .relaxed) else {
            return
        }
        pthread_join(identifier, nil)
    }
}

private final class Body {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}

private func runServiceThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    // SAFETY: the argument is the reference that ServiceThread passed.
    unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
    return nil
}
