import CWorker
import WorkerProtocol

/// The worker's end of the channel. Any thread may send: a record is one message.
struct HostChannel: Sendable {
    func send(_ record: WorkerRecord) {
        var bytes: [UInt8] = []
        record.record.append(to: &bytes)
        // SAFETY: the buffer is valid for the call.
        let error = unsafe bytes.withUnsafeBytes { buffer in
            unsafe worker_send(Channel.descriptor, buffer.baseAddress, buffer.count)
        }
        // The host is gone.
        if error != 0 { worker_exit(0) }
    }

    /// Tells the host why the worker cannot start, and exits.
    func fail(_ stage: StartStage, _ code: Int32) -> Never {
        send(.failed(stage: stage, code: code))
        worker_exit(1)
    }

    func require(_ stage: StartStage, _ code: Int32) {
        if code != 0 { fail(stage, code) }
    }

    /// Locks the system calls and greets the host with the listener that it watches mappings through.
    func installFilter() -> Int32 {
        var bytes: [UInt8] = []
        WorkerRecord.hello(version: Channel.version).record.append(to: &bytes)
        // SAFETY: the buffer is valid for the call.
        return unsafe bytes.withUnsafeBytes { buffer in
            unsafe worker_install_filter(Channel.descriptor, buffer.baseAddress, buffer.count)
        }
    }

    /// Calls `body` with each record the host sends, until the channel ends.
    func receive(_ body: (HostRecord) throws(RecordError) -> Void) throws(RecordError) {
        let capacity = Record.size * Record.maximumPerMessage
        // SAFETY: lives until the process ends, as the loop below does.
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
        while true {
            // SAFETY: the kernel writes at most `capacity` bytes and returns how many.
            let size = unsafe worker_receive(Channel.descriptor, buffer.baseAddress, capacity)
            guard size > 0 else { return }
            let message = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: buffer[..<size]))
            for offset in stride(from: 0, to: size, by: Record.size) {
                try body(HostRecord(Record(message, at: offset)))
            }
        }
    }
}
