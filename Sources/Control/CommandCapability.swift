public import DXGProtocol

/// How a command number is served (docs/control.md 6).
public struct CommandCapability: Codable, Hashable, Sendable {
    /// Whose command it is.
    public var channel: Channel
    /// The number on the channel.
    public var id: UInt32
    /// The name in docs/protocol/messages.json.
    public var name: String
    /// How far the answer is that of Windows.
    public var fidelity: Fidelity
    /// The ioctl numbers or the occasion that makes the Linux driver send it; `never`. nil for messages of the host.
    public var sentByLinux: String?
    /// The section of docs/protocol/semantics.md.
    public var section: String
    /// What is refused of a command that is `partial`, and why; nil where there is nothing to say.
    public var note: String?

    /// Between whom a command goes.
    public enum Channel: String, Codable, Hashable, Sendable {
        case global
        case vgpu
        case hostToGuest
    }

    init(_ command: CommandDescription) {
        channel =
            switch command.channel {
            case .vmToHost: .global
            case .vgpuToHost: .vgpu
            case .hostToVm: .hostToGuest
            }
        id = command.command
        name = command.name
        fidelity = command.fidelity
        sentByLinux = command.sentByLinux.isEmpty ? nil : command.sentByLinux
        section = command.section
        note = command.note.isEmpty ? nil : command.note
    }
}
