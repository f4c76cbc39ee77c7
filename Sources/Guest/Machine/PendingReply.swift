/// A question to the host that was sent, and whose answer can be waited for.
public final class PendingReply: Sendable {
    /// What was asked, for messages.
    public let question: String

    private let answer = Monitor<Result<[UInt8], GuestError>?>(nil)

    init(_ question: String) { self.question = question }

    /// Gives the answer to whoever waits; only the first one counts.
    func fulfil(_ result: Result<[UInt8], GuestError>) {
        answer.update { if $0 == nil { $0 = result } }
    }

    /// Whether the answer is there.
    public var isAnswered: Bool { answer.read { $0 != nil } }

    /// Waits for the answer: a completion's payload with its padding, or a frame's bytes.
    public func wait(until deadline: Deadline = .never) throws(GuestError) -> [UInt8] {
        guard let result = answer.wait(until: deadline, { $0 }) else { throw .timedOut(question) }
        return try result.get()
    }
}
