import CSoftGPU
import EventLoop
import Linux
import Testing
import WorkerProtocol

@testable import Workers

/// What a kernel that does as it likes gets out of its process: nothing.
@Suite struct HostileWorkerTests {
    private enum Call {
        static let write: Int64 = 1
        static let close: Int64 = 3
        static let mmap: Int64 = 9
        static let munmap: Int64 = 11
        static let sendmsg: Int64 = 46
        static let exitGroup: Int64 = 231
    }

    private static let firstFile = Int64(Channel.firstFileDescriptor)

    /// Has a kernel make a system call, and returns its result.
    private func call(_ space: AddressSpace, _ words: [Int64], at offset: UInt64 = 0) throws -> Int64 {
        try space.write(words + [Int64](repeating: 0, count: 8 - words.count), at: offset)
        #expect(try space.run("system_call", pointer: AddressSpace.base + offset) == .completed)
        return Int64(bitPattern: try space.words(at: offset + 56, count: 1)[0])
    }

    @Test func mapsNothingThatIsNotOrdered() throws {
        let space = try AddressSpace(mapped: false)
        // A quarter of the file is this address space's.
        space.map(AddressSpace.base, 0x30_8000)
        let (shared, fixed, anonymous) = (Int64(1), Int64(0x10), Int64(0x20))
        let place: Int64 = 0x7000_0000
        let refused: [[Int64]] = [
            // The file that holds other memory as well, anywhere.
            [Call.mmap, 0x6000_0000_0000, 4096, 3, shared, HostileWorkerTests.firstFile, 0x30_8000],
            [Call.mmap, 0x6000_0000_0000, 4096, 1, shared | fixed, HostileWorkerTests.firstFile, 0],
            // What was ordered once, again.
            [Call.mmap, Int64(AddressSpace.base), 0x30_8000, 3, shared | fixed, HostileWorkerTests.firstFile, 0],
            // Code of its own.
            [Call.mmap, place, 4096, 7, 2 | anonymous | fixed, -1, 0],
            [Call.mmap, 0, 4096, 3, 2 | anonymous, -1, 0],
            [Call.mmap, Int64(Channel.codeWindow.lowerBound), 4096, 7, 2 | fixed, Int64(Channel.codeDescriptor), 0],
            [Call.mmap, Int64(Channel.codeWindow.lowerBound), 4096, 3, 2 | fixed, Int64(Channel.codeDescriptor), 0],
        ]
        for words in refused {
            #expect(try call(space, words) == -1)
            // Ordered ones go on meanwhile.
            space.map(0x5_0000_0000, 0x1000, offset: 0x1000)
            #expect(try space.run { $0.packet(SOFTGPU_WRITE64, 0x5_0000_0000, 1) } == .completed)
            space.worker.unmap(address: 0x5_0000_0000, length: 0x1000)
        }
        #expect(space.failures.isEmpty)
    }

    @Test func isReplacedIfItKeepsTrying() throws {
        let space = try AddressSpace()
        var attempts = 0
        while space.failures.isEmpty, attempts < 200 {
            try space.write([Call.mmap, 0, 4096, 7, 0x22, -1, 0, 0], at: 0)
            _ = try space.run("system_call", pointer: AddressSpace.base)
            attempts += 1
        }
        #expect(space.failures == [.unorderedMappings(65)])
        #expect(try space.run(Commands()) == .completed)
    }

    @Test(arguments: [
        // Closing descriptors, sending them, and writing elsewhere than to the channel are no longer possible.
        [Call.close, 0], [Call.sendmsg, 0, 0, 0], [Call.write, 1, 0, 0],
    ])
    func cannotUseDescriptors(words: [Int64]) throws {
        let space = try AddressSpace()
        try space.write(words + [Int64](repeating: 0, count: 8 - words.count), at: 0)
        let outcome = try space.run("system_call", pointer: AddressSpace.base)
        guard case .faulted(packetOffset: 0, let fault) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(fault.kind == .systemCall)
    }

    static let lies: [(record: WorkerRecord, lie: Comment)] = [
        (.ended(report(job: 999)), "a job that does not run"),
        (.ended(report(job: 1, end: .aborted)), "an abort unasked"),
        (.ended(report(job: 1, end: .codeRefused)), "a refusal unasked"),
        (.ended(report(job: 1, offset: 1 << 40)), "an offset outside"),
        (.ended(report(job: 1, engine: 99)), "an engine that is not"),
        (.synchronized(token: 5), "an answer unasked"),
        (.ready, "a second start"),
        (.hello(version: Channel.version), "a second greeting"),
        (.failed(stage: .filter, code: 1), "a late failure"),
        (.needCode(job: 1, engine: 0, address: .max, size: 9), "code beyond everything"),
        (.needCode(job: 1, engine: 0, address: 0, size: 1 << 40), "too much code"),
    ]

    /// A kernel sends records over the channel as if it were the worker.
    @Test(arguments: lies.indices)
    func isReplacedWhenItLies(index: Int) throws {
        let (record, lie) = HostileWorkerTests.lies[index]
        let space = try AddressSpace()
        var bytes: [UInt8] = []
        record.record.append(to: &bytes)
        try expectReplaced(space, bytes, lie)
    }

    @Test func isReplacedWhenItSendsAHostsRecord() throws {
        let space = try AddressSpace()
        var bytes: [UInt8] = []
        HostRecord.synchronize(token: 5).record.append(to: &bytes)
        try expectReplaced(space, bytes, "a host's record")
    }

    @Test(arguments: [1, 63, 65, 4000, 5000])
    func isReplacedWhenItTalksNonsense(size: Int) throws {
        let space = try AddressSpace()
        try expectReplaced(space, [UInt8](repeating: 0x5a, count: size), "nonsense")
    }

    /// Its true record comes twice.
    @Test func isReplacedWhenItEndsAJobTwice() throws {
        let space = try AddressSpace()
        var bytes: [UInt8] = []
        WorkerRecord.ended(HostileWorkerTests.report(job: 1)).record.append(to: &bytes)
        try space.write(bytes, at: 0x1000)
        try space.write([Call.write, 0, Int64(AddressSpace.base) + 0x1000, 64, 0, 0, 0, 0], at: 0)
        #expect(try space.run("system_call", pointer: AddressSpace.base) == .completed)
        space.wait { !space.failures.isEmpty }
        guard case .contradiction = space.failures.first else {
            Issue.record("\(space.failures)")
            return
        }
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func isReplacedWhenItExits() throws {
        let space = try AddressSpace()
        try space.write([Call.exitGroup, 42, 0, 0, 0, 0, 0, 0], at: 0)
        let outcome = try space.run("system_call", pointer: AddressSpace.base)
        #expect(outcome == .lost(.ended(.exited(42))))
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func isReplacedWhenItIsBrokenToPieces() throws {
        let space = try AddressSpace()
        // A kernel unmaps the worker's own image, and everything else below 4 GiB.
        try space.write([Call.munmap, 0x1000, 0xffff_e000, 0, 0, 0, 0, 0], at: 0)
        let outcome = try space.run("system_call", pointer: AddressSpace.base)
        guard case .lost(.ended(.signalled(_))) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(try space.run(Commands()) == .completed)
    }

    private static func report(
        job: UInt64, engine: UInt32 = 0, end: JobEnd = .completed, offset: UInt64 = 0
    ) -> JobReport {
        JobReport(job: job, engine: engine, end: end, packetOffset: offset, startedAt: 0, endedAt: .max)
    }

    /// A kernel writes these bytes to the channel; its process is over then, and its job lost.
    private func expectReplaced(_ space: AddressSpace, _ bytes: [UInt8], _ lie: Comment) throws {
        try space.write(bytes, at: 0x1000)
        try space.write([Call.write, 0, Int64(AddressSpace.base) + 0x1000, Int64(bytes.count), 0, 0, 0, 0], at: 0)
        var commands = Commands()
        commands.dispatch(try space.dispatch("system_call", pointer: AddressSpace.base))
        commands.packet(SOFTGPU_HANG)
        let job = try space.start(commands)
        guard case .lost(let failure) = space.finish(job) else {
            Issue.record(lie)
            return
        }
        #expect(space.failures == [failure], lie)
        #expect(try space.run(Commands()) == .completed, lie)
    }
}
