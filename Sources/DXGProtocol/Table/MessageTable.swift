/// The protocol as data: every command number, and every message whose layout is known, for dissectors, tests and the
/// support matrix. Its contents are generated from docs/protocol/messages.json.
public enum MessageTable {
    /// The messages from guest to host with known layouts, by channel and number.
    public static let all: [MessageDescription] = requests.sorted { left, right in
        (left.channel.rawValue, left.command) < (right.channel.rawValue, right.command)
    }

    /// The message that a guest sends with this number on this channel.
    public static func message(_ channel: ChannelType, _ command: UInt32) -> MessageDescription? {
        all.first { $0.channel == channel && $0.command == command }
    }

    /// What is known about a number on a channel.
    public static func command(_ channel: ChannelType, _ command: UInt32) -> CommandDescription? {
        commands.first { $0.channel == channel && $0.command == command }
    }
}
