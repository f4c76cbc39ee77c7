import DXGProtocol
import Testing

@testable import SoftGPU

/// What the random guest has found, each with the few commands that it takes.
@Suite struct RandomFindingTests {
    private let host = TestHost()

    /// An offer counts as content of its segment while its memory is on a residency list. The one who had it there goes,
    /// another keeps it open (docs/protocol/semantics.md 13).
    @Test func offeredMemoryLeavesItsSegmentWithItsLastResidency() {
        let guest = host.start()
        let process = guest.createProcess()
        let device = process.createDevice()
        let other = guest.createProcess().createDevice()
        let queue = device.createPagingQueue()
        let shared = device.allocateShared(65536, count: 1)
        device.makeResident(shared.handles, on: queue)
        let opened = other.openResource(process.share(shared.resource))
        for (device, allocations) in [(device, shared.handles), (other, opened.handles)] {
            var request = MessageBuilder<OfferAllocations.Request>()
            request.device = device.handle
            request.priority = OfferPriority.normal.rawValue
            request.appendAllocations(allocations)
            #expect(device.status(request) == .success)
        }
        #expect(host.model.adapters[0].offeredBytes == [65536, 0])
        #expect(device.destroyAllocations([], resource: shared.resource) == .success)
        #expect(host.model.adapters[0].offeredBytes == [0, 0])
        ModelAudit(host: host).run()
    }
}
