import DXGProtocol

/// What a guest may tell its host and Linux never does (docs/protocol/semantics.md 2 and 3). Of these commands the
/// header is known and nothing else.
extension SoftGPU {
    /// Answers a command about the header's process with SUCCESS, whatever follows its header.
    func answerNotice(_ command: String, _ call: Call, _ note: (GuestProcess) -> Void) {
        guard let process = call.process else {
            report(.info, call, command, .invalidParameter, "no process \(call.header.process)")
            return complete(call.completion, StatusReply.bytes(.invalidParameter))
        }
        note(process)
        complete(call.completion, StatusReply.bytes(.success))
    }

    /// The guest's adapter is going away by surprise: all its work ends.
    func adapterStop(_ call: Call) {
        stop(call.target, machine: call.machine, .stopped)
        complete(call.completion, StatusReply.bytes(.success))
    }

    /// The guest has something to say in the log.
    func logEvent(_ bytes: RawSpan, _ call: Call) {
        let text = bytes.extracting(droppingFirst: CommandHeader.size)
        let letters = [UInt8](wireBytes: text.extracting(first: Self.maximumLogLength)).prefix { $0 != 0 }
        let visible = String(letters.map { (32..<127).contains($0) ? Character(Unicode.Scalar($0)) : "." })
        report(.info, call, "LogEvent", nil, visible)
        complete(call.completion, StatusReply.bytes(.success))
    }

    /// Bytes of a guest's text that are looked at.
    private static let maximumLogLength = 256

    func report(_ severity: Diagnostic.Severity, _ call: Call, _ command: String, _ status: NTStatus?, _ reason: String)
    {
        effects.append(
            .report(
                Diagnostic(
                    severity: severity, guest: call.machine.id, process: call.process.map { ($0.handle, $0.pid) },
                    command: command, status: status, reason: reason)))
    }
}
