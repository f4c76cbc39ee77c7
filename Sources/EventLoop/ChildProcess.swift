internal import CLibuv
internal import Glibc
public import Linux

/// A process that this one started. It is collected when it ends, whether or not anybody still holds this object.
public final class ChildProcess {
    private let core: Core

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - executable: The path of the file.
    ///   - arguments: What follows the program's name.
    ///   - environment: `NAME=value` each; the own one if missing.
    ///   - descriptors: The child's descriptors from 0 on, borrowed; it gets no others. -1 is `/dev/null` for 0 to 2
    ///     and a closed one above. Those given as 0 to 2 are switched to waiting, for everybody who shares them.
    ///   - onExit: Called once when the process has ended, never before the initialiser returns.
    public init(
        _ loop: EventLoop, executable: String, arguments: [String] = [], environment: [String]? = nil,
        descriptors: [Int32] = [], onExit: @escaping (ExitStatus) -> Void
    ) throws(SystemError) {
        core = try Core(loop, executable, arguments, environment, descriptors, onExit)
    }

    /// The process id; nothing once the process has been collected, since the number may then be another's.
    public var processID: Int32? { core.processID }

    /// Sends a signal. A process that has ended already is not an error.
    public func signal(_ signal: Int32) throws(SystemError) { try core.signal(signal) }

    /// Loses interest in the end of the process.
    public func close() { core.forget() }

    private final class Core: LoopHandle {
        private var onExit: ((ExitStatus) -> Void)?
        private(set) var processID: Int32?

        init(
            _ loop: EventLoop, _ executable: String, _ arguments: [String], _ environment: [String]?,
            _ descriptors: [Int32], _ onExit: @escaping (ExitStatus) -> Void
        ) throws(SystemError) {
            self.onExit = onExit
            try ProcessControl.closeDescriptorsOnExecution(from: 3)
            var result: Int32 = 0
            let containers = unsafe descriptors.map { number in
                var container = unsafe uv_stdio_container_t()
                unsafe container.flags = number < 0 ? UV_IGNORE : UV_INHERIT_FD
                unsafe container.data.fd = number
                return unsafe container
            }
            // SAFETY: libuv copies nothing that it needs after uv_spawn returns; until then the vectors are in place.
            // A handle whose start failed is in the loop all the same, so it is closed as any other.
            unsafe try super.init(
                loop, bytes: MemoryLayout<uv_process_t>.size, "start \(executable)"
            ) { loop, raw in
                var containers = unsafe containers
                var vector = unsafe CStringVector([executable] + arguments)
                var variables = unsafe environment.map { unsafe CStringVector($0) }
                defer {
                    unsafe vector.free()
                    unsafe variables?.free()
                }
                unsafe containers.withUnsafeMutableBufferPointer { containers in
                    unsafe vector.pointers.withUnsafeMutableBufferPointer { vector in
                        var options = unsafe uv_process_options_t()
                        unsafe options.file = UnsafePointer(vector[0])
                        unsafe options.args = vector.baseAddress
                        unsafe options.stdio_count = Int32(containers.count)
                        unsafe options.stdio = containers.baseAddress
                        unsafe options.exit_cb = { handle, code, signal in
                            unsafe Unmanaged<Core>.fromOpaque(handle!.pointee.data).takeUnretainedValue()
                                .ended(code, signal)
                        }
                        let process = unsafe raw.assumingMemoryBound(to: uv_process_t.self)
                        if unsafe variables != nil {
                            unsafe variables!.pointers.withUnsafeMutableBufferPointer {
                                unsafe options.env = $0.baseAddress
                                result = unsafe uv_spawn(loop, process, &options)
                            }
                        } else {
                            result = unsafe uv_spawn(loop, process, &options)
                        }
                    }
                }
                return 0
            }
            guard result == 0 else {
                close()
                throw SystemError(code: -result, operation: "start \(executable)")
            }
            processID = unsafe raw.assumingMemoryBound(to: uv_process_t.self).pointee.pid
        }

        override func forget() { onExit = nil }

        func signal(_ signal: Int32) throws(SystemError) {
            guard let processID else { return }
            try ProcessControl.signal(signal, process: processID)
        }

        private func ended(_ code: Int64, _ signal: Int32) {
            processID = nil
            let handler = onExit
            close()
            handler?(signal == 0 ? .exited(Int32(truncatingIfNeeded: code)) : .signalled(signal))
        }
    }
}

/// A null-terminated vector of C strings.
@unsafe
private struct CStringVector {
    var pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) {
        unsafe pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
    }

    mutating func free() {
        unsafe pointers.forEach { unsafe Glibc.free($0) }
        unsafe pointers = []
    }
}
