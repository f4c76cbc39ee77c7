import Testing
import VMBus

struct GUIDTests {
    @Test func `The wire form is mixed-endian`() {
        #expect(
            GUID.dxgGlobalChannel.wireBytes == bytes(hex: "c0cbe9dd605036449448ea1254a5d177"),
            "the interface GUID as the offer in a capture has it")
        #expect(GUID.dxgVGPUChannel.wireBytes == bytes(hex: "182d386e36334b4facc42b7703d4df4a"))
    }

    @Test func `Text goes both ways`() throws {
        let text = "dde9cbc0-5060-4436-9448-ea1254a5d177"
        #expect(GUID(text) == .dxgGlobalChannel)
        #expect(GUID("DDE9CBC0-5060-4436-9448-EA1254A5D177") == .dxgGlobalChannel)
        #expect(GUID.dxgGlobalChannel.description == text)
        #expect(GUID(1, 2, 3, 4).description == "00000001-0002-0003-0000-000000000004")
        #expect(GUID.zero.description == "00000000-0000-0000-0000-000000000000")
    }

    @Test(arguments: [
        "", "dde9cbc0", "dde9cbc0-5060-4436-9448-ea1254a5d17", "dde9cbc0-5060-4436-9448-ea1254a5d1770",
        "dde9cbc0-5060-4436-9448+ea1254a5d177", "gde9cbc0-5060-4436-9448-ea1254a5d177",
        "{dde9cbc0-5060-4436-9448-ea1254a5d177}", "dde9cbc05060443694480ea1254a5d177000",
    ])
    func `Other text is refused`(text: String) {
        #expect(GUID(text) == nil)
    }

    @Test func `The adapter LUID is the first eight wire bytes`() {
        let luid = Fixture.vgpuInstance.wireBytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        #expect(Fixture.vgpuInstance.leadingLUID == luid)
    }

    @Test func `GUIDs sort as their texts`() {
        let guids = [GUID(2, 0, 0, 0), GUID(1, 2, 0, 0), GUID(1, 1, 2, 0), GUID(1, 1, 1, 2), GUID(1, 1, 1, 1)]
        #expect(guids.sorted().map(\.description) == guids.map(\.description).sorted())
    }
}
