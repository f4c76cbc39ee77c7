import DXGProtocol
import Testing

struct EnvelopeTests {
    static let luid = LUID(low: 0x1234_5678, high: -2)

    private func command() -> [UInt8] {
        var request = MessageBuilder<SubmitCommandToHwQueue.Request>()
        request.setHeader(process: D3DKMTHandle(rawValue: 0x40), commandID: 7, isAsync: true)
        return request.bytes
    }

    @Test func version40IsPrecededByTheExtendedHeader() throws {
        let data = CommandEnvelope.encode(command: command(), vgpuLUID: Self.luid, interfaceVersion: .v40)
        #expect(data.count == 96)
        #expect(Array(data[0..<16]) == [16, 0, 0, 0, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12, 0xFE, 0xFF, 0xFF, 0xFF])
        let envelope = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: .v40)
        let (header, luid, bytes) = (envelope.header, envelope.vgpuLUID, [UInt8](wireBytes: envelope.command))
        #expect(luid == Self.luid && bytes == command())
        #expect(
            header
                == CommandHeader(
                    commandID: 7, process: D3DKMTHandle(rawValue: 0x40), channelType: 0, isAsync: true, commandType: 52)
        )
    }

    @Test(arguments: [27, 28, 39] as [UInt32])
    func olderVersionsHaveNone(version: UInt32) throws {
        let version = InterfaceVersion(rawValue: version)
        let data = CommandEnvelope.encode(command: command(), vgpuLUID: Self.luid, interfaceVersion: version)
        #expect(data == command())
        let envelope = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: version)
        let luid = envelope.vgpuLUID
        #expect(luid == .zero)
    }

    @Test(arguments: [0, 8, 15, 17, 20, 104, 0xFFFF_FFF8] as [UInt32])
    func unusableOffsetsAreRefused(offset: UInt32) {
        var data = CommandEnvelope.encode(command: command(), vgpuLUID: Self.luid, interfaceVersion: .v40)
        for index in 0..<4 { data[index] = UInt8(truncatingIfNeeded: offset >> UInt32(8 * index)) }
        #expect(throws: DecodeError.badOffset(UInt64(offset), have: 96)) {
            _ = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: .v40)
        }
    }

    @Test func aLargerOffsetIsFollowed() throws {
        var extended = MessageBuilder<ExtendedHeader>()
        extended.commandOffset = 24
        let data = extended.bytes + [UInt8](repeating: 0xFF, count: 8) + command()
        let envelope = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: .v40)
        let bytes = [UInt8](wireBytes: envelope.command)
        #expect(bytes == command())
    }

    @Test(arguments: 0..<40)
    func shortPacketsAreRefused(length: Int) {
        let data = Array(
            CommandEnvelope.encode(command: command(), vgpuLUID: Self.luid, interfaceVersion: .v40).prefix(length))
        #expect(throws: DecodeError.self) {
            _ = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: .v40)
        }
    }

    @Test func headersNameTheirChannel() {
        var global = MessageBuilder<DestroyProcess.Request>()
        global.setHeader(process: D3DKMTHandle(rawValue: 0x80))
        #expect(global.header.channelType == 1 && global.header.commandType == 1001)
        #expect(Array(global.bytes[8..<20]) == [0x80, 0, 0, 0, 1, 0, 0, 0, 0xE9, 3, 0, 0])
        var host = MessageBuilder<SetGuestData.Message>()
        host.setHeader()
        #expect(host.header.channelType == 2 && host.header.commandType == 2)
    }
}
