import DXGProtocol
import VMBus

/// What a server can do, and how faithfully: the output of `understudy capabilities` and the answer to `capabilities`
/// (docs/control.md 6).
public struct Capabilities: Codable, Hashable, Sendable {
    /// The server's version.
    public var version: String
    /// GPU-PV interface versions that a guest can be offered.
    public var interfaceVersions: [UInt32]
    /// VMBus versions that a guest can ask for, lowest first.
    public var vmbusVersions: [String]
    /// The forms of an endpoint at which guests connect.
    public var transports: [String]
    public var adapters: [AdapterCapability]
    /// Every command number of the protocol. A number that is not among them is answered with `NOT_SUPPORTED`.
    public var commands: [CommandCapability]

    /// What this build serves by all of `transports`, with these adapters.
    public init(version: String, transports: [String], adapters: [AdapterCapability]) {
        self.version = version
        self.transports = transports
        self.adapters = adapters
        interfaceVersions = [InterfaceVersion.v27, .v40].map(\.rawValue)
        vmbusVersions = ProtocolVersion.served.map(\.description)
        commands = MessageTable.commands.map(CommandCapability.init)
    }
}
