/// A message with a known layout.
public struct MessageDescription: Hashable, Sendable {
    /// What the host answers.
    public enum ReplyKind: String, Hashable, Sendable {
        /// An NTSTATUS.
        case status
        /// A handle, zero for failure.
        case handle
        /// The structure that `reply` describes.
        case structure
        /// The request with its results filled in.
        case echo
        /// A completion without content.
        case empty
        /// Nothing: a message from the host to the guest.
        case none
    }

    /// The message's name, for example `CreateDevice`.
    public let name: String

    /// Whom the message is for.
    public let channel: ChannelType

    /// The number on the channel.
    public let command: UInt32

    /// The layout of the message itself.
    public let request: StructDescription

    /// What is answered.
    public let replyKind: ReplyKind

    /// The reply's layout if it is a structure.
    public let reply: StructDescription?

    /// The reply's layout under interface version 27 where it differs.
    public let reply27: StructDescription?

    /// The Linux driver expects the reply's length rounded up to this many bytes.
    public let replyRounding: Int

    init(
        _ name: String, _ channel: ChannelType, _ command: UInt32, request: StructDescription, _ replyKind: ReplyKind,
        reply: StructDescription? = nil, reply27: StructDescription? = nil, replyRounding: Int = 1
    ) {
        self.name = name
        self.channel = channel
        self.command = command
        self.request = request
        self.replyKind = replyKind
        self.reply = reply
        self.reply27 = reply27
        self.replyRounding = replyRounding
    }
}
