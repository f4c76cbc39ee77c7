/// What is known about a command number, whether or not Linux ever sends it (docs/protocol/semantics.md 22).
public struct CommandDescription: Hashable, Sendable {
    /// Whom the command is for.
    public let channel: ChannelType

    /// The number on the channel.
    public let command: UInt32

    /// The name, for example `CreateDevice`.
    public let name: String

    /// The name of the constant without its prefix, for example `CREATEDEVICE`.
    public let constant: String

    /// What makes the Linux driver send it: ioctl numbers or an occasion; `never`.
    public let sentByLinux: String

    /// Whether the message may ask for no reply.
    public let canBeAsync: Bool

    /// The reply length that the Linux driver insists on, in words.
    public let requiredReply: String

    /// How the reply tells of failure.
    public let failure: String

    /// The section of docs/protocol/semantics.md that describes it.
    public let section: String

    /// How far Understudy answers as Windows does.
    public let fidelity: Fidelity

    /// What is refused of a command that is `partial`, why one is `refused`, what else there is to say; often empty.
    public let note: String

    init(
        _ channel: ChannelType, _ command: UInt32, _ name: String, constant: String, sentByLinux: String,
        canBeAsync: Bool, requiredReply: String, failure: String, section: String, fidelity: Fidelity,
        note: String
    ) {
        self.channel = channel
        self.command = command
        self.name = name
        self.constant = constant
        self.sentByLinux = sentByLinux
        self.canBeAsync = canBeAsync
        self.requiredReply = requiredReply
        self.failure = failure
        self.section = section
        self.fidelity = fidelity
        self.note = note
    }
}
