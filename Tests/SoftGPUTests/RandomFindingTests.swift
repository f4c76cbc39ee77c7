import DXGProtocol
import Testing

@testable import SoftGPU

/// What the random guest has found, each with the few commands that it takes.
@Suite struct RandomFindingTests {
    private let host = TestHost()

    /// An offer counts as content of its segment while its memory is on a residency list. The one who had it there
    /// goes, another keeps it open (docs/protocol/semantics.md 13).
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

    /// A reply that waits for a worker is nobody's when the guest has gone or begun anew: in the next connection its
    /// transaction may be another request's (docs/protocol/semantics.md 1.4).
    @Test(arguments: [false, true]) func repliesDieWithTheirConnection(stays: Bool) {
        let guest = host.start()
        host.take(.shareMemory(guest.id, [GuestMemoryRegion(base: 0, length: 1 << 20)]))
        let device = guest.createProcess().createDevice()
        let queue = device.createPagingQueue()
        let allocation = device.allocateExisting(4096)
        #expect(device.setPages(allocation, [5]) == .success)
        device.makeResident([allocation], on: queue)
        #expect(device.map(allocation, on: queue, pages: 1).status == .success)
        host.passesBarriers = false
        #expect(device.destroyAllocations([allocation]) == nil)
        host.clearTrace()
        if stays { host.take(.reset(guest.id)) } else { host.disconnect(guest) }
        while !host.barriers.isEmpty { host.passBarrier() }
        #expect(!host.trace.contains { if case .complete = $0 { true } else { false } })
    }
}
