/// How far the answer to a command is that of Windows, as far as anybody can know (docs/protocol/semantics.md 0.1).
public enum Fidelity: String, CaseIterable, Codable, Sendable {
    /// Microsoft's pages say what the command does, and Understudy does that.
    case documented
    /// The Linux driver leaves the host no choice, and an unmodified one was seen to take Understudy's answer.
    case observed
    /// Nothing public says what Windows does.
    case inferred
    /// A part is served and the rest is refused.
    case partial
    /// Answered with `NOT_SUPPORTED`; a message of the host: never sent.
    case refused
}
