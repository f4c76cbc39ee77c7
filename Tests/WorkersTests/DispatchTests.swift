import CSoftGPU
import Linux
import Testing
import WorkerProtocol

@testable import Workers

@Suite struct DispatchTests {
    @Test(arguments: [1, 4])
    func runsEveryGroupOnce(lanes: Int) throws {
        let space = try AddressSpace(lanes: lanes)
        var packet = try space.dispatch("count_groups", pointer: AddressSpace.base)
        packet.groups = (17, 31, 23)
        #expect(try space.run { $0.dispatch(packet) } == .completed)
        let counts = try space.halfWords(at: 0, count: 17 * 31 * 23 + 1)
        #expect(counts == Array(repeating: 1, count: 17 * 31 * 23) + [0])
    }

    @Test func runsGroupsAtTheSameTime() throws {
        let space = try AddressSpace(lanes: 2)
        #expect(try space.run("meet", pointer: AddressSpace.base, groups: 2) == .completed)
        let lanes = try space.halfWords(at: 0, count: 2)
        #expect(lanes[0] != lanes[1])
        #expect(lanes.allSatisfy { $0 >= 1 && $0 <= SOFTGPU_MAXIMUM_LANES })
    }

    @Test func tellsGroupsWhatTheyAre() throws {
        let space = try AddressSpace()
        var packet = try space.dispatch("describe", pointer: AddressSpace.base)
        packet.groups = (1, 1, 1)
        packet.groupSize = (8, 4, 2)
        packet.groupMemory = SOFTGPU_MAXIMUM_GROUP_MEMORY
        #expect(try space.run { $0.dispatch(packet) } == .completed)
        let sum = UInt64(SOFTGPU_MAXIMUM_GROUP_MEMORY) / 256 * (255 * 128)
        #expect(
            try space.words(at: 0, count: 9)
                == [1, 1, 1, 8, 4, 2, 0, UInt64(SOFTGPU_MAXIMUM_GROUP_MEMORY), sum])
    }

    @Test func relocatesDataAndKeepsItWhileTheCodeStays() throws {
        let space = try AddressSpace()
        try space.write([UInt64(0), 2], at: 0)
        #expect(try space.run("use_data", pointer: AddressSpace.base) == .completed)
        #expect(try space.words(at: 0, count: 3) == [42, 2, 1])
        // The same code: its data goes on.
        #expect(try space.run("use_data", pointer: AddressSpace.base) == .completed)
        #expect(try space.words(at: 0, count: 3) == [42, 2, 2])
    }

    @Test func loadsChangedCodeAnew() throws {
        let space = try AddressSpace()
        try space.write([UInt64(0), 1], at: 0)
        let packet = try space.dispatch("use_data", pointer: AddressSpace.base)
        #expect(try space.run { $0.dispatch(packet) } == .completed)
        // Another kernel of the same size: other flags would do as well.
        let elf = try Toolchain.codeObject("use_data", flags: ["-DOTHER", "-Wl,--build-id=0x1234"])
        var other = try space.dispatch(elf: elf, pointer: AddressSpace.base)
        other.code = packet.code
        #expect(try space.run { $0.dispatch(other) } == .completed)
        #expect(try space.words(at: 0, count: 3) == [41, 1, 1])
        // One byte that is not part of any segment.
        try space.write([UInt8(0x55)], at: packet.code - AddressSpace.base + 15)
        #expect(try space.run { $0.dispatch(other) } == .completed)
        #expect(try space.words(at: 0, count: 3) == [41, 1, 1])
    }

    @Test func loadsUnmappedCodeAnew() throws {
        let space = try AddressSpace()
        try space.write([UInt64(0), 0], at: 0)
        let packet = try space.dispatch("use_data", pointer: AddressSpace.base)
        #expect(try space.run { $0.dispatch(packet) } == .completed)
        let page = packet.code & ~0xfff
        space.worker.unmap(address: page, length: 0x1000)
        #expect(
            try space.run { $0.dispatch(packet) }
                == .pageFault(address: page, write: false, packetOffset: 0))
        space.map(page, 0x1000, offset: page - AddressSpace.base)
        #expect(try space.run { $0.dispatch(packet) } == .completed)
        #expect(try space.words(at: 0, count: 3) == [40, 0, 1])
    }

    /// More code objects than a worker keeps: old ones go, and come again.
    @Test func keepsSomeOfManyCodeObjects() throws {
        let space = try AddressSpace(bytes: 16 << 20)
        let elf = try Toolchain.codeObject("use_data")
        let size = (UInt64(elf.count) + 7) & ~7
        try space.write([UInt64(0), 2], at: 0)
        let first = try space.dispatch(elf: elf, pointer: AddressSpace.base)
        let places = (0..<1100 as Range<UInt64>).map { 0x40_0000 + $0 * size }
        for place in places { try space.memory.write(unsafe elf.span.bytes, at: place) }
        for _ in 0..<2 {
            for place in places {
                var commands = Commands()
                var dispatch = first
                dispatch.code = AddressSpace.base + place
                commands.dispatch(dispatch)
                #expect(try space.run(commands) == .completed)
            }
        }
        // Each was loaded anew when its second turn came.
        #expect(try space.words(at: 0, count: 3) == [42, 2, 1])
        #expect(space.failures.isEmpty)
    }

    @Test func runsAnEmptyGridWithoutItsCode() throws {
        let space = try AddressSpace()
        let outcome = try space.run { commands in
            commands.dispatch(Dispatch(code: 0x7000_0000_0000, size: 8, groups: (5, 0, 5)))
        }
        #expect(outcome == .completed)
    }

    @Test func refusesAnEntryOutsideTheCode() throws {
        let space = try AddressSpace()
        var packet = try space.dispatch("trap", pointer: 0)
        packet.entry = 8
        #expect(
            try space.run {
                $0.packet(SOFTGPU_NOP)
                $0.dispatch(packet)
            }
                == .invalidCommand(packetOffset: 8, reason: .packet(.init(.entryOutsideCode, value: 8))))
    }

    @Test func refusesWhatIsNoCodeObject() throws {
        let space = try AddressSpace()
        let packet = try space.dispatch(elf: [UInt8](repeating: 0, count: 100), pointer: 0)
        #expect(
            try space.run { $0.dispatch(packet) }
                == .invalidCommand(packetOffset: 0, reason: .codeObject(.notELF64)))
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func runsSeveralJobsAtOnce() throws {
        let space = try AddressSpace(lanes: 1, engines: 2)
        // Each engine's group waits for the other engine's.
        let first = try space.dispatch("meet", pointer: AddressSpace.base, engine: 0)
        var commands = Commands()
        commands.packet(SOFTGPU_WRITE32, AddressSpace.base + 0x1000, 1)
        commands.dispatch(first)
        let waiting = try space.start(commands)
        var release = Commands()
        release.packet(SOFTGPU_WRITE32, AddressSpace.base + 4, 1)
        #expect(try space.run(release, engine: 1) == .completed)
        #expect(space.finish(waiting) == .completed)
    }

    @Test func queuesJobsOfOneEngine() throws {
        let space = try AddressSpace(engines: 1)
        var jobs: [UInt64] = []
        for _ in 0..<50 { jobs.append(try space.start(Commands())) }
        for job in jobs { #expect(space.finish(job) == .completed) }
        #expect(space.ended.map(\.job) == jobs)
    }
}
