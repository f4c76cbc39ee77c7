internal import Carriers
internal import VMBus

extension HostLink {
    /// Sends a VMBus control message.
    func send(_ message: GuestMessage) throws(GuestError) {
        try connection.send(.message(message.encoded()))
    }

    /// Waits for a control message for which `body` gives a value, and takes it; others stay.
    func waitForMessage<Value>(
        _ what: String, until deadline: Deadline, _ body: (VMBus.HostMessage) -> Value?
    ) throws(GuestError) -> Value {
        let result = messages.wait(until: deadline) { queue -> Result<Value, GuestError>? in
            for index in queue.waiting.indices {
                if let value = body(queue.waiting[index]) {
                    queue.waiting.remove(at: index)
                    return .success(value)
                }
            }
            return queue.end.map { .failure($0) }
        }
        guard let result else { throw .timedOut(what) }
        return try result.get()
    }

    /// Opens a channel whose packets travel as frames.
    func openChannel(_ relid: UInt32, until deadline: Deadline) throws(GuestError) {
        try send(.openChannel(OpenChannel(relid: relid, openID: relid)))
        let status = try waitForMessage("OPENCHANNEL_RESULT", until: deadline) { message -> MessageStatus? in
            if case .openChannelResult(let result) = message, result.relid == relid { return result.status }
            return nil
        }
        guard status == .success else {
            throw .unexpected("channel \(relid) refused with 0x\(String(status.rawValue, radix: 16))")
        }
    }
}
