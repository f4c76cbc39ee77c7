/// The 24 bytes that begin every command, whichever way it goes (docs/protocol/semantics.md 1.2).
public struct CommandHeader: Hashable, Sendable {
    /// A label for the sender's use; Linux sends 0.
    public var commandID: UInt64

    /// The process that asks, `none` where a command belongs to no process.
    public var process: D3DKMTHandle

    /// Whom the command is for, see `ChannelType`: any value may arrive.
    public var channelType: UInt8

    /// Whether the sender wants no reply.
    public var isAsync: Bool

    /// The command's number on its channel.
    public var commandType: UInt32

    @inlinable
    public init(
        commandID: UInt64 = 0, process: D3DKMTHandle, channelType: UInt8, isAsync: Bool = false, commandType: UInt32
    ) {
        self.commandID = commandID
        self.process = process
        self.channelType = channelType
        self.isAsync = isAsync
        self.commandType = commandType
    }

    /// Bytes of the header.
    @inlinable public static var size: Int { VGPUCommandHeader.size }

    /// Reads the header that begins a command.
    @inlinable
    public init(_ command: RawSpan) throws(DecodeError) {
        let view = try MessageView<VGPUCommandHeader>(command)
        self.init(checked: view.bytes)
    }

    /// Reads a header from bytes that are known to hold one.
    @inlinable
    init(checked command: RawSpan) {
        let view = MessageView<VGPUCommandHeader>(checked: command)
        self.init(
            commandID: view.commandId, process: view.process, channelType: UInt8(truncatingIfNeeded: view.channelType),
            isAsync: view.asyncMsg, commandType: view.commandType)
    }

    /// Writes the header at the beginning of a message.
    @inlinable
    func write<Layout: MessageLayout>(to message: inout MessageBuilder<Layout>) {
        var header = MessageBuilder<VGPUCommandHeader>()
        header.commandId = commandID
        header.process = process
        header.channelType = UInt32(channelType)
        header.asyncMsg = isAsync
        header.commandType = commandType
        message.write(header.bytes, at: 0)
    }
}
