/// A guest's command in its packet: the header, the vGPU it is routed to, and the bytes of the command
/// (docs/protocol/semantics.md 1.2).
public struct CommandEnvelope: ~Escapable {
    /// The header that begins the command.
    public let header: CommandHeader

    /// The vGPU that the extended header names; zero for global commands and before interface version 40.
    public let vgpuLUID: LUID

    /// The command from its 24-byte header on, with the packet's padding.
    public let command: RawSpan

    /// Finds the command in the payload of a packet.
    @inlinable
    @_lifetime(copy packetData)
    public init(packetData: RawSpan, interfaceVersion: InterfaceVersion) throws(DecodeError) {
        guard interfaceVersion.hasExtendedHeader else {
            header = try CommandHeader(packetData)
            vgpuLUID = .zero
            command = packetData
            return
        }
        let extended = try MessageView<ExtendedHeader>(packetData)
        let offset = UInt64(extended.commandOffset)
        let have = UInt64(packetData.byteCount)
        guard offset >= UInt64(ExtendedHeader.size), offset % 8 == 0, offset <= have else {
            throw .badOffset(offset, have: have)
        }
        command = packetData.extracting(droppingFirst: Int(offset))
        header = try CommandHeader(command)
        vgpuLUID = extended.vgpuLuid
    }

    /// The payload of a packet that carries `command`.
    @inlinable
    public static func encode(command: [UInt8], vgpuLUID: LUID, interfaceVersion: InterfaceVersion) -> [UInt8] {
        guard interfaceVersion.hasExtendedHeader else { return command }
        var extended = MessageBuilder<ExtendedHeader>(extraBytes: command.count)
        extended.commandOffset = UInt32(ExtendedHeader.size)
        extended.vgpuLuid = vgpuLUID
        extended.append(bytes: command)
        return extended.bytes
    }
}
