import Testing
import VMBus

struct ConfigurationSpaceTests {
    private func space(
        _ function: ConfigurationSpace.Function = .render, version: UInt32 = 40,
        capabilities: ConfigurationSpace.HostCapabilities = .mapGuestMemory
    ) -> ConfigurationSpace {
        ConfigurationSpace(
            function: function, channelInstance: Fixture.vgpuInstance, vgpuLUID: 0x1122_3344_5566_7788,
            hostCapabilities: capabilities, interfaceVersion: version)
    }

    private func image(_ space: ConfigurationSpace) -> [UInt8] {
        (0..<256).map { UInt8(space.read(offset: $0, width: 1)) }
    }

    @Test func `The standard header shows a function without resources`() {
        let render = space()
        #expect(render.read(offset: 0x00, width: 4) == 0x008e_1414)
        #expect(render.read(offset: 0x08, width: 4) == 0x0302_0000)
        let compute = space(.computeAccelerator)
        #expect(compute.read(offset: 0x00, width: 4) == 0x008a_1414)
        #expect(compute.read(offset: 0x0a, width: 2) == 0x1200)
        var probed = render
        for offset in stride(from: 0x10, through: 0x30, by: 4) {
            probed.write(offset: offset, width: 4, value: .max)
            #expect(probed.read(offset: offset, width: 4) == 0)
        }
        #expect(probed.read(offset: 0x34, width: 1) == 0, "no capabilities")
        #expect(probed.read(offset: 0x06, width: 2) & 0x10 == 0, "no capability list")
        #expect(probed.read(offset: 0x3d, width: 1) == 0, "no interrupt pin")
        #expect(probed.read(offset: 0x0e, width: 1) == 0, "a plain, single function")
    }

    @Test func `The driver finds its channel, LUID and host capabilities`() {
        let space = space()
        let instance = (0..<16).map { UInt8(space.read(offset: 0xc0 + $0, width: 1)) }
        #expect(instance == Fixture.vgpuInstance.wireBytes)
        #expect(space.read(offset: 0xd4, width: 4) == 0x5566_7788)
        #expect(space.read(offset: 0xd8, width: 4) == 0x1122_3344)
        #expect(space.read(offset: 0xdc, width: 4) == 1)
        #expect(self.space(capabilities: []).read(offset: 0xdc, width: 4) == 0)
    }

    @Test func `What the driver writes at 0xD4 is not what it reads there`() {
        var space = space()
        let before = image(space)
        space.write(offset: 0xd4, width: 4, value: 1)
        #expect(space.guestCapabilities == .wsl2)
        space.write(offset: 0xd8, width: 4, value: .max)
        #expect(space.guestCapabilities == .wsl2)
        #expect(image(space) == before)
    }

    @Test func `The driver's start as captured: capabilities, then version 40`() {
        var space = space()
        #expect(space.negotiatedInterfaceVersion == 27)
        space.write(offset: 212, width: 4, value: 1)
        #expect(space.read(offset: 208, width: 4) == 40)
        space.write(offset: 208, width: 4, value: 40)
        #expect(space.read(offset: 208, width: 4) == 40)
        #expect(space.negotiatedInterfaceVersion == 40)
    }

    static let choices: [(offered: UInt32, written: UInt32, negotiated: UInt32, readBack: UInt32)] = [
        (40, 40, 40, 40), (40, 41, 40, 40), (40, .max, 40, 40), (40, 27, 27, 27), (40, 39, 39, 39), (40, 16, 16, 16),
        (40, 15, 27, 40), (40, 0, 27, 40), (27, 40, 27, 27), (27, 27, 27, 27), (27, 0, 27, 27),
    ]

    @Test(arguments: choices.indices)
    func `The version register settles on what both can do`(index: Int) {
        let (offered, written, negotiated, readBack) = Self.choices[index]
        var space = space(version: offered)
        space.write(offset: 0xd0, width: 4, value: written)
        #expect(space.negotiatedInterfaceVersion == negotiated)
        #expect(space.read(offset: 0xd0, width: 4) == readBack)
    }

    @Test func `A reset offers the version again`() {
        var space = space()
        let fresh = space
        space.write(offset: 0xd0, width: 4, value: 27)
        space.write(offset: 0xd4, width: 4, value: 1)
        space.write(offset: 0x04, width: 2, value: 0xffff)
        space.write(offset: 0x0c, width: 1, value: 16)
        #expect(space != fresh)
        space.reset()
        #expect(space == fresh)
    }

    @Test func `Bytes are put together at any offset and width`() {
        let space = space()
        let image = image(space)
        for width in [1, 2, 4] {
            for offset in 0..<256 {
                let expected = (0..<width).reduce(UInt32(0)) { value, index in
                    let byte: UInt8 = offset + index < 256 ? image[offset + index] : 0xff
                    return value | UInt32(byte) << UInt32(8 * index)
                }
                #expect(space.read(offset: offset, width: width) == expected)
            }
        }
    }

    @Test func `Writes byte by byte mean the same as one write`() {
        var space = space()
        for (index, byte) in [UInt32(0x01), 0x00, 0x00, 0x80].enumerated() {
            space.write(offset: 0xd4 + index, width: 1, value: byte)
        }
        #expect(space.guestCapabilities.rawValue == 0x8000_0001)
        space.write(offset: 0xd0, width: 1, value: 27)
        #expect(space.negotiatedInterfaceVersion == 27)
        space.write(offset: 0xd2, width: 4, value: 0x0003_0000)
        #expect(space.guestCapabilities.rawValue == 0x8000_0003, "a write across two registers reaches both")
        #expect(space.negotiatedInterfaceVersion == 27)
    }

    @Test(arguments: [(-1, 4), (256, 4), (Int.max, 4), (0xd0, 3), (0xd0, 0), (0xd0, -4), (0xd0, 8)])
    func `Accesses that no device answers read as ones and change nothing`(offset: Int, width: Int) {
        var space = space()
        let before = space
        #expect(space.read(offset: offset, width: width) == .max)
        space.write(offset: offset, width: width, value: 0)
        #expect(space == before)
    }

    @Test func `No write changes what is read-only`() {
        var space = space()
        let before = image(space)
        for offset in 0..<256 {
            space.write(offset: offset, width: 1, value: 0xff)
        }
        let changed = zip(0..<256, zip(before, image(space))).filter { $1.0 != $1.1 }.map(\.0)
        #expect(changed == [0x04, 0x05, 0x0c], "bus master, interrupt disable and the cache line size")
    }
}
