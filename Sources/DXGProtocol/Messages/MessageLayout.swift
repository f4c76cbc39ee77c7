/// The layout of a message or structure. Layouts are generated from docs/protocol/messages.json as types without
/// values, for example `CreateDevice.Request`; `MessageView` reads and `MessageBuilder` writes bytes that have one.
public protocol MessageLayout {
    /// The layout's name, for example `CreateDevice.Request`.
    static var name: String { get }

    /// Bytes of the declared structure, the first element of a variable part included.
    static var size: Int { get }

    /// Bytes before the first variable part; the whole structure if there is none.
    static var fixedSize: Int { get }

    /// Checks that every variable part whose length the message itself tells lies inside `bytes`, which hold at
    /// least `fixedSize` bytes.
    static func checkTails(of bytes: RawSpan) throws(DecodeError)
}

extension MessageLayout {
    @inlinable public static var fixedSize: Int { size }

    @inlinable
    public static func checkTails(of bytes: RawSpan) throws(DecodeError) {}
}

/// A message that begins with the 24-byte command header (docs/protocol/semantics.md 1.2).
public protocol CommandLayout: MessageLayout {
    /// The command's number on its channel.
    static var commandType: UInt32 { get }

    /// Whom the message is for.
    static var channelType: ChannelType { get }
}

/// A guest's command.
public protocol RequestLayout: CommandLayout {
    /// The reply's layout under interface version 40.
    associatedtype Reply: MessageLayout

    /// The reply length that the Linux driver insists on for this request, in bytes
    /// (docs/protocol/semantics.md 1.4 and 22).
    static func requiredReplyLength(to request: MessageView<Self>, under version: InterfaceVersion) -> UInt64

    /// The length that the Linux driver gives a request whose last tail ends at `end`; beyond it there are zero bytes.
    static func sentLength(of request: MessageView<Self>, endingAt end: Int) -> Int
}

extension RequestLayout {
    @inlinable
    public static func requiredReplyLength(to request: MessageView<Self>, under version: InterfaceVersion) -> UInt64 {
        UInt64(Reply.size)
    }

    @inlinable
    public static func sentLength(of request: MessageView<Self>, endingAt end: Int) -> Int { end }
}
