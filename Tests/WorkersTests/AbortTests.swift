import CSoftGPU
import EventLoop
import Testing

@testable import Workers

@Suite struct AbortTests {
    @Test func abortsAHang() throws {
        let space = try AddressSpace(engines: 2)
        var hang = Commands()
        hang.packet(SOFTGPU_NOP)
        hang.packet(SOFTGPU_HANG)
        for _ in 0..<20 {
            let job = try space.start(hang)
            #expect(try space.run(Commands(), engine: 1) == .completed)
            space.worker.abort(job)
            #expect(space.finish(job) == .aborted)
            #expect(try space.run(Commands()) == .completed)
        }
        #expect(space.failures.isEmpty)
    }

    @Test func abortsKernelsOnAllLanes() throws {
        let space = try AddressSpace(lanes: 3)
        for _ in 0..<20 {
            try space.write([UInt32(0), 0, 0], at: 0)
            var packet = try space.dispatch("spin", pointer: AddressSpace.base)
            packet.groups.0 = 3
            var commands = Commands()
            commands.dispatch(packet)
            let job = try space.start(commands)
            // All three lanes are in the kernel.
            while try space.halfWords(at: 0, count: 3) != [1, 1, 1] { space.loop.runTurn() }
            space.worker.abort(job)
            #expect(space.finish(job) == .aborted)
        }
        // The lanes are free again.
        #expect(try space.run("meet", pointer: AddressSpace.base + 64, groups: 2) == .completed)
        #expect(space.failures.isEmpty)
    }

    @Test func abortsAtAnyMoment() throws {
        let space = try AddressSpace(lanes: 2, engines: 1)
        var commands = Commands()
        for _ in 0..<64 { commands.fill(AddressSpace.base, bytes: 64, pattern: 5) }
        commands.copy(to: AddressSpace.base, from: AddressSpace.base + (2 << 20), bytes: 1 << 20)
        var outcomes: Set<JobOutcome> = []
        for round in 0..<200 {
            let job = try space.start(commands)
            for _ in 0..<round % 8 { space.loop.runTurn() }
            space.worker.abort(job)
            let outcome = try #require(space.finish(job))
            outcomes.insert(outcome)
            #expect(outcome == .aborted || outcome == .completed)
        }
        #expect(space.failures.isEmpty)
        #expect(try space.run(Commands()) == .completed)
    }

    /// The mappings of code are interrupted by nothing: a job is aborted or has run, and its code is there.
    @Test func abortsWhileCodeIsLoaded() throws {
        let space = try AddressSpace(lanes: 1, engines: 1)
        let versions = try (0..<2).map {
            try Toolchain.codeObject("use_data", flags: ["-Wl,--build-id=0x\($0)\($0)"])
        }
        try space.write([UInt64(0), 2], at: 0)
        for round in 0..<200 {
            var commands = Commands()
            commands.dispatch(try space.dispatch(elf: versions[round % 2], pointer: AddressSpace.base))
            let job = try space.start(commands)
            for _ in 0..<round % 16 { space.loop.runTurn(waiting: round % 3 == 0 && space.ended.last?.job != job) }
            space.worker.abort(job)
            let outcome = try #require(space.finish(job))
            #expect(outcome == .aborted || outcome == .completed)
        }
        #expect(space.failures.isEmpty)
        #expect(try space.run("use_data", pointer: AddressSpace.base) == .completed)
        #expect(try space.words(at: 0, count: 1) == [42])
    }

    @Test func abortsAJobThatWaits() throws {
        let space = try AddressSpace(engines: 1)
        var hang = Commands()
        hang.packet(SOFTGPU_HANG)
        let first = try space.start(hang)
        let second = try space.start(hang)
        space.worker.abort(second)
        #expect(space.finish(second) == .aborted)
        space.worker.abort(first)
        #expect(space.finish(first) == .aborted)
    }

    @Test func abortsAJobBeforeTheProcessIsReady() throws {
        let space = try AddressSpace()
        let job = try space.start(Commands())
        space.worker.abort(job)
        #expect(space.finish(job) == .aborted)
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func ignoresAnUnknownJob() throws {
        let space = try AddressSpace()
        space.worker.abort(4711)
        #expect(try space.run(Commands()) == .completed)
        space.worker.abort(1)
        #expect(try space.run(Commands()) == .completed)
        #expect(space.failures.isEmpty)
    }
}
