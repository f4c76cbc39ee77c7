import Testing
import VMBus

/// Control messages as a Linux guest with the real driver put them on the wire, each inside a packet, with the padding
/// to 8 that the packet adds.
struct CapturedMessageTests {
    static let messages: [(packet: String, expected: GuestMessage)] = [
        ("060002000300000000000000000000000300000000000000", .requestOffers),
        ("0600020004000000000000000000000007000000000000000200000000000000", .closeChannel(relid: 2)),
        (
            "060002000400000000000000000000000b000000000000000100000005000000",
            .gpadlTeardown(GPADLTeardown(relid: 1, gpadl: 5))
        ),
        (
            "060002000a000000000000000000000008000000000000000100000005000000280001000040000000000000"
                + "e129000000000000e229000000000000e329000000000000e42900000000000000000000",
            .gpadlHeader(
                GPADLHeader(
                    relid: 1, gpadl: 5, rangeBufferLength: 40, rangeCount: 1,
                    words: [0x4000, 0x29e1, 0x29e2, 0x29e3, 0x29e4]))
        ),
    ]

    @Test(arguments: messages.indices)
    func `A captured message decodes`(index: Int) throws {
        let (packet, expected) = Self.messages[index]
        let bytes = bytes(hex: packet)
        let message = try GuestMessage(decoding: Packet(unsafe bytes.span.bytes).payload)
        #expect(message == expected)
    }

    @Test func `A captured offer encodes to the same bytes`() throws {
        let packet = bytes(
            hex: "060002001b00000000000000000000000100000000000000182d386e36334b4facc42b7703d4df4a"
                + "cdab341201000000a1a2a3a4a5a6a7a8" + String(repeating: "00", count: 144)
                + "02000000000000000200000000000000")
        guard case .offerChannel(let offer) = try HostMessage(decoding: Packet(unsafe packet.span.bytes).payload) else {
            return #expect(Bool(false), "not an offer")
        }
        #expect(offer.offer.key == Fixture.vgpu.key)
        #expect(offer.relid == 2)
        #expect(offer.connectionID == 2)
        #expect(offer.dedicatedInterrupt == 0, "the stub that was captured did without event flags")
        #expect(HostMessage.offerChannel(offer).encoded() == Array(packet[16..<212]))
    }

    @Test func `A captured GPADL describes the driver's pages`() throws {
        var server = try Fixture.connected()
        guard case .gpadlHeader(var header) = Self.messages[3].expected else { return }
        header.relid = Fixture.globalRelid
        let actions = server.receive(.gpadlHeader(header))
        let range = GuestPhysicalRange(byteOffset: 0, byteCount: 0x4000, pages: [0x29e1, 0x29e2, 0x29e3, 0x29e4])
        #expect(
            actions == [
                .gpadlCreated(id: 5, relid: Fixture.globalRelid, ranges: [range]),
                .send(.gpadlCreated(GPADLCreated(relid: Fixture.globalRelid, gpadl: 5, status: .success))),
            ])
    }
}
