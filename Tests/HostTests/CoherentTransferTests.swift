import Carriers
import EventLoop
import Linux
import Testing

@testable import Host
@testable import SoftGPU

/// Existing system memory around jobs, where the guest shares none.
@Suite struct CoherentTransferTests {
    private let host: HostUnderTest
    private let session: GuestSession
    private let shadow = MemorySpan(file: .local, offset: 1 << 20, length: 3 * 4096)
    private var memory: CoherentMemory {
        CoherentMemory(id: GuestPagesID(rawValue: 7), pages: [5, 6, 9], shadow: shadow)
    }

    init() throws {
        host = try HostUnderTest()
        session = try host.session
    }

    private func filledPages() -> GuestPages {
        var guest = GuestPages()
        for (index, page) in memory.pages.enumerated() { guest.fill(page, UInt8(index + 1)) }
        return guest
    }

    /// What a job does: bytes in the shadow.
    private func work(_ value: UInt8, at offset: Int, count: Int) throws {
        try session.local.write([UInt8](repeating: value, count: count), at: shadow.offset + UInt64(offset))
    }

    private func shadowBytes() throws -> [UInt8] { try session.local.read(at: shadow.offset, count: 3 * 4096) }

    private func fetch(_ transfer: CoherentTransfer, _ guest: inout GuestPages) throws -> Bool {
        var result: Bool?
        transfer.fetch { result = $0 }
        try guest.serve(host) { result != nil }
        return result == true
    }

    private func writeBack(_ transfer: CoherentTransfer, _ guest: inout GuestPages) throws -> Bool {
        var result: Bool?
        transfer.writeBack { result = $0 }
        try guest.serve(host) { result != nil }
        return result == true
    }

    @Test func changedLinesGoBack() throws {
        var guest = filledPages()
        let transfer = CoherentTransfer(memories: [memory], session: session)
        #expect(try fetch(transfer, &guest))
        #expect(try shadowBytes() == (1...3).flatMap { [UInt8](repeating: $0, count: 4096) })
        // One line in the middle, and one change over two pages that are neighbours in the guest.
        try work(0xA0, at: 130, count: 3)
        try work(0xB0, at: 4096 - 64, count: 128)
        // And one over two that are not.
        try work(0xC0, at: 8192 - 64, count: 128)
        #expect(try writeBack(transfer, &guest))
        let expected: [Range<UInt64>] = [20_608..<20_672, 24_512..<24_640, 28_608..<28_672, 36_864..<36_928]
        #expect(guest.writtenRanges == expected)
        #expect(guest.pages[5]?[130...132] == [0xA0, 0xA0, 0xA0])
        #expect(guest.pages[9]?[..<65] == ArraySlice([UInt8](repeating: 0xC0, count: 64) + [3]))
        transfer.end()
        #expect(session.coherence.count == 0)
    }

    /// Neither of two jobs undoes what the other or the guest changed meanwhile.
    @Test func twoJobsAtATime() throws {
        var guest = filledPages()
        let first = CoherentTransfer(memories: [memory], session: session)
        #expect(try fetch(first, &guest))
        try work(0xA0, at: 0, count: 64)
        guest.pages[5]?[128] = 0x77
        let second = CoherentTransfer(memories: [memory], session: session)
        #expect(session.coherence.count == 1)
        #expect(try fetch(second, &guest))
        // The second job sees the guest's change and the first job's.
        #expect(try shadowBytes()[0] == 0xA0)
        #expect(try shadowBytes()[128] == 0x77)
        try work(0xB0, at: 64, count: 64)
        #expect(try writeBack(first, &guest))
        first.end()
        guest.pages[5]?[192] = 0x78
        try work(0xB1, at: 256, count: 64)
        #expect(try writeBack(second, &guest))
        second.end()
        let page = try #require(guest.pages[5])
        #expect([page[0], page[64], page[128], page[192], page[256]] == [0xA0, 0xB0, 0x77, 0x78, 0xB1])
        #expect(session.coherence.count == 0)
    }

    /// More separate pages than a guest may have requests waiting.
    @Test func scatteredMemory() throws {
        let count = 4200
        var guest = GuestPages()
        let pages = (0..<UInt64(count)).map { 2 * $0 }
        for page in pages { guest.fill(page, 1) }
        let large = MemorySpan(file: .local, offset: 0, length: UInt64(count) * 4096)
        let transfer = CoherentTransfer(
            memories: [CoherentMemory(id: GuestPagesID(rawValue: 8), pages: pages, shadow: large)], session: session)
        #expect(try fetch(transfer, &guest))
        try session.local.write([UInt8](repeating: 2, count: count * 4096), at: 0)
        #expect(try writeBack(transfer, &guest))
        let expected = [UInt8](repeating: 2, count: 4096)
        #expect(guest.pages.values.allSatisfy { $0 == expected })
        #expect(guest.mostAtOnce <= 32)
        transfer.end()
    }

    @Test func memoryThatIsNotThere() throws {
        var guest = filledPages()
        guest.pages[9] = nil
        let transfer = CoherentTransfer(memories: [memory], session: session)
        #expect(try !fetch(transfer, &guest))
        transfer.end()
        #expect(session.coherence.count == 0)
    }

    /// Pages that the guest has taken back get nothing any more.
    @Test func releasedInTheMiddle() throws {
        var guest = filledPages()
        let transfer = CoherentTransfer(memories: [memory], session: session)
        #expect(try fetch(transfer, &guest))
        try work(0xA0, at: 0, count: 4096)
        session.coherence.release(memory.id)
        #expect(try writeBack(transfer, &guest))
        #expect(guest.writtenRanges.isEmpty)
        // The same pages given anew are another matter.
        let next = CoherentTransfer(memories: [memory], session: session)
        #expect(try fetch(next, &guest))
        #expect(try shadowBytes()[0] == 1)
        transfer.end()
        #expect(session.coherence.count == 1)
        next.end()
        #expect(session.coherence.count == 0)
    }

    @Test func endedWhileFetching() throws {
        var guest = filledPages()
        let transfer = CoherentTransfer(memories: [memory], session: session)
        var isDone = false
        transfer.fetch { _ in isDone = true }
        let requests = try host.requests()
        #expect(!requests.isEmpty)
        transfer.end()
        let next = CoherentTransfer(memories: [memory], session: session)
        try work(0xEE, at: 0, count: 64)
        // Late answers change nothing.
        for case .read(let range, let tag) in requests {
            try host.send(.memoryData(status: 0, [UInt8](repeating: 0x55, count: Int(range.length)), tag: tag))
        }
        host.loop.runTurn()
        #expect(try shadowBytes()[0] == 0xEE)
        #expect(!isDone)
        #expect(try fetch(next, &guest))
        next.end()
    }
}
