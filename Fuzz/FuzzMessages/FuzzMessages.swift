import DXGProtocol
import DXGProtocolAccess

/// The layouts that are tried, made once.
private enum Targets {
    nonisolated(unsafe) static let all = Accesses.all
}

/// Decodes the input as a packet's data under both interface versions, then as the layout that its first byte chooses.
/// Nothing may trap; what is refused is refused with a `DecodeError`.
@c(LLVMFuzzerTestOneInput)
public func fuzzMessages(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    // SAFETY: libFuzzer lends `count` bytes for the call, and they are copied here.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: start, count: count))
    decodePacket(input, .v40)
    decodePacket(input, .v27)
    guard let choice = input.first else { return 0 }
    let targets = unsafe Targets.all
    try? targets[Int(choice) % targets.count].decode(Array(input.dropFirst()))
    return 0
}

private func decodePacket(_ data: [UInt8], _ version: InterfaceVersion) {
    guard let envelope = try? CommandEnvelope(packetData: data.wireBytes, interfaceVersion: version),
        let channel = ChannelType(rawValue: UInt32(envelope.header.channelType)),
        let message = MessageTable.message(channel, envelope.header.commandType),
        let access = unsafe Targets.all.first(where: { $0.name == message.name + ".Request" })
    else { return }
    try? access.decode([UInt8](wireBytes: envelope.command))
}
