import DXGProtocol
import Testing

@testable import SoftGPU

/// Start-up of the driver (docs/protocol/semantics.md 1.1 to 1.4, 3).
@Suite struct StartUpTests {
    @Test(arguments: [InterfaceVersion.v27, .v40])
    func sizesOfTheFirstReplies(version: InterfaceVersion) {
        let host = TestHost()
        let guest = host.connect(version: version)
        #expect(guest.announceWindow() == .success)
        let opened = guest.openAdapter()
        #expect(opened.bytes?.count == 16)
        #expect(opened.fields.status == .success)
        let info = guest.call(MessageBuilder<GetInternalAdapterInfo.Request>())
        #expect(info.bytes?.count == (version == .v40 ? 712 : 704))
        guest.createProcess().destroy()
    }

    @Test func simpleRoundTrip() {
        let host = TestHost()
        let guest = host.start()
        let process = guest.createProcess()
        let device = process.createDevice()
        let context = device.createContext()
        let fence = device.createFence(3)
        #expect(device.value(of: fence) == 3)
        let event = device.wait(fence.handle, 5)
        #expect(device.submit(to: context) == .success)
        #expect(device.gpuSignal(on: [context], (fence.handle, 5)) == .success)
        #expect(guest.events == [event])
        let queue = device.createPagingQueue()
        let allocation = device.allocate(65536)
        #expect(device.makeResident([allocation], on: queue).status == .success)
        #expect(device.map(allocation, on: queue, pages: 16).status == .success)
        process.destroy()
        host.disconnect(guest)
    }
}
