import CSoftGPU
import Linux
import Testing

@testable import Workers

@Suite struct TransferTests {
    @Test func copiesFillsWritesAndTellsTheTime() throws {
        let space = try AddressSpace()
        let base = AddressSpace.base
        try space.write((0..<512).map { UInt64($0) }, at: 0x1000)
        let before = MonotonicClock.now
        let outcome = try space.run { commands in
            commands.packet(SOFTGPU_NOP, size: 24, 1, 2)
            commands.copy(to: base + 0x2000, from: base + 0x1000, bytes: 4095)
            commands.fill(base + 0x3004, bytes: 5000, pattern: 0x1234_5678)
            commands.packet(SOFTGPU_WRITE32, base + 0x5004, 0xffff_ffff_89ab_cdef)
            commands.packet(SOFTGPU_WRITE64, base + 0x5008, 0x0123_4567_89ab_cdef)
            commands.packet(SOFTGPU_TIMESTAMP, base + 0x5010)
        }
        let after = MonotonicClock.now
        #expect(outcome == .completed)
        var expected = try space.memory.read(at: 0x1000, count: 4096)
        expected[4095] = 0
        #expect(try space.memory.read(at: 0x2000, count: 4096) == expected)
        let filled = try space.halfWords(at: 0x3000, count: 1254)
        #expect(filled == [0] + Array(repeating: 0x1234_5678, count: 1250) + [0, 0, 0])
        let words = try space.words(at: 0x5000, count: 3)
        #expect(words[0] == 0x89ab_cdef_0000_0000)
        #expect(words[1] == 0x0123_4567_89ab_cdef)
        #expect((before...after).contains(words[2]))
        let ended = try #require(space.ended.first)
        #expect(before <= ended.startedAt && ended.startedAt <= ended.endedAt && ended.endedAt <= after)
    }

    @Test(arguments: [0x1_0008, 0xfff8])
    func copiesOverlappingRangesAsMemmoveDoes(destination: UInt64) throws {
        let space = try AddressSpace()
        let numbers = (0..<20_000).map { UInt64($0) &* 0x9e37_79b9_7f4a_7c15 }
        try space.write(numbers, at: 0x1_0000)
        let outcome = try space.run {
            $0.copy(to: AddressSpace.base + destination, from: AddressSpace.base + 0x1_0000, bytes: 160_000)
        }
        #expect(outcome == .completed)
        #expect(try space.words(at: destination, count: 20_000) == numbers)
    }

    @Test func sharesLargeTransfersAmongLanes() throws {
        let space = try AddressSpace(bytes: 32 << 20, lanes: 3)
        let base = AddressSpace.base
        let source: UInt64 = 8 << 20
        let count = (5 << 20) / 8 + 3
        let numbers = (0..<count).map { UInt64($0) &* 0x9e37_79b9_7f4a_7c15 }
        try space.write(numbers, at: source)
        let outcome = try space.run { commands in
            commands.copy(to: base + (16 << 20), from: base + source, bytes: UInt64(count * 8))
            commands.fill(base + (24 << 20), bytes: 3_000_004, pattern: 7)
        }
        #expect(outcome == .completed)
        #expect(try space.words(at: 16 << 20, count: count + 1) == numbers + [0])
        #expect(try space.halfWords(at: 24 << 20, count: 750_002) == Array(repeating: 7, count: 750_001) + [0])
    }

    @Test func runsManyPacketsAcrossPages() throws {
        let space = try AddressSpace()
        var commands = Commands()
        for index in 0..<2000 {
            commands.packet(SOFTGPU_WRITE64, AddressSpace.base + UInt64(index * 8), UInt64(index))
        }
        #expect(try space.run(commands) == .completed)
        #expect(try space.words(at: 0, count: 2000) == (0..<2000).map { UInt64($0) })
    }

    @Test func runsAnEmptyCommandBuffer() throws {
        let space = try AddressSpace()
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func leavesMemoryBelowTheWindowAlone() throws {
        let space = try AddressSpace()
        // The worker's own image is there.
        let outcome = try space.run { $0.packet(SOFTGPU_WRITE64, 0x40_0000, 1) }
        #expect(outcome == .pageFault(address: 0x40_0000, write: true, packetOffset: 0))
        #expect(
            try space.run { $0.copy(to: AddressSpace.base, from: 0x40_0000, bytes: 8) }
                == .pageFault(address: 0x40_0000, write: false, packetOffset: 0))
        #expect(space.failures.isEmpty)
    }
}
