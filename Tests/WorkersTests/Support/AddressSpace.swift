import CSoftGPU
import EventLoop
import Glibc
import Linux
import Testing
import WorkerProtocol

@testable import Workers

/// A worker with one file, all of it mapped, and a loop that is run until something has happened.
final class AddressSpace: AddressSpaceWorkerDelegate {
    struct Ended: Equatable {
        var job: UInt64
        var outcome: JobOutcome
        var startedAt: UInt64
        var endedAt: UInt64
    }

    /// Where the file is mapped.
    static let base: UInt64 = 0x2_0000_0000
    /// Where a job's command buffer, code and arguments are put, relative to the base; free below.
    private static let commandsOffset: UInt64 = 0x10_0000
    private static let codeOffset: UInt64 = 0x20_0000
    static let argumentsOffset: UInt64 = 0x30_0000

    let loop: EventLoop
    let memory: SharedMemory
    private(set) var worker: AddressSpaceWorker!
    private(set) var ended: [Ended] = []
    private(set) var failures: [WorkerFailure] = []
    private(set) var synchronized: [UInt64] = []
    private var lastJob: UInt64 = 0
    private var isLate = false

    init(
        bytes: UInt64 = 4 << 20, lanes: Int = 2, engines: Int = 2, mapped: Bool = true,
        adjust: (inout WorkerOptions) -> Void = { _ in }
    ) throws {
        loop = try EventLoop()
        memory = try SharedMemory(name: "address-space", bytes: bytes)
        var options = WorkerOptions(executable: AddressSpace.executable, lanes: lanes, engines: engines)
        options.abortPatienceNanoseconds = 20_000_000_000
        options.startPatienceNanoseconds = 60_000_000_000
        adjust(&options)
        worker = try AddressSpaceWorker(
            loop: loop, options: options,
            files: [WorkerFile(descriptor: memory.descriptor.rawValue, bytes: bytes)], delegate: self)
        if mapped { map(AddressSpace.base, bytes) }
    }

    deinit { close() }

    /// Ends the worker, and runs the loop until its process has been collected.
    func close() {
        let process = worker.processID
        worker.close()
        while let process, kill(process, 0) == 0 { loop.runTurn(waiting: true) }
    }

    /// Beside the test program, where `swift build` puts it.
    static let executable = Toolchain.directory(of: ProcessControl.executablePath ?? "") + "/understudy-worker"

    func map(
        _ address: UInt64, _ length: UInt64, file: Int = 0, offset: UInt64 = 0, access: GPUAccess = .readWrite
    ) {
        worker.map(GPUMapping(address: address, length: length, file: file, offset: offset, access: access))
    }

    // MARK: - Jobs

    /// Starts a command buffer, at a place of its own, and returns the job's id.
    func start(_ commands: Commands, engine: Int = 0) throws -> UInt64 {
        lastJob += 1
        let offset = AddressSpace.commandsOffset + UInt64(engine) * 0x1_0000
        try memory.write(unsafe commands.bytes.span.bytes, at: offset)
        worker.run(
            WorkerJob(
                id: lastJob, engine: engine, commandBuffer: AddressSpace.base + offset,
                length: UInt64(commands.bytes.count)))
        return lastJob
    }

    /// Runs the loop until a job has ended.
    func finish(_ job: UInt64) -> JobOutcome? {
        wait { ended.contains { $0.job == job } }
        return ended.first { $0.job == job }?.outcome
    }

    func run(_ commands: Commands, engine: Int = 0) throws -> JobOutcome? {
        finish(try start(commands, engine: engine))
    }

    func run(_ build: (inout Commands) -> Void) throws -> JobOutcome? {
        var commands = Commands()
        build(&commands)
        return try run(commands)
    }

    /// A dispatch of a kernel whose argument is one pointer.
    func dispatch(_ kernel: String, pointer: UInt64, engine: Int = 0) throws -> Dispatch {
        let code = try Toolchain.codeObject(kernel)
        return try dispatch(elf: code, pointer: pointer, engine: engine)
    }

    func dispatch(elf: [UInt8], pointer: UInt64, engine: Int = 0) throws -> Dispatch {
        let codeOffset = AddressSpace.codeOffset + UInt64(engine) * 0x8_0000
        let argumentsOffset = AddressSpace.argumentsOffset + UInt64(engine) * 0x1000
        try memory.write(unsafe elf.span.bytes, at: codeOffset)
        try write([pointer], at: argumentsOffset)
        return Dispatch(
            code: AddressSpace.base + codeOffset, size: UInt64(elf.count),
            arguments: AddressSpace.base + argumentsOffset)
    }

    func run(_ kernel: String, pointer: UInt64, groups: UInt32 = 1) throws -> JobOutcome? {
        var packet = try dispatch(kernel, pointer: pointer)
        packet.groups.0 = groups
        return try run { $0.dispatch(packet) }
    }

    // MARK: - Memory

    func write<Number: FixedWidthInteger & BitwiseCopyable>(_ numbers: [Number], at offset: UInt64) throws {
        try memory.write(unsafe numbers.span.bytes, at: offset)
    }

    func words(at offset: UInt64, count: Int) throws -> [UInt64] {
        let bytes = try memory.read(at: offset, count: count * 8)
        return (0..<count).map { index in
            unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
        }
    }

    func halfWords(at offset: UInt64, count: Int) throws -> [UInt32] {
        let bytes = try memory.read(at: offset, count: count * 4)
        return (0..<count).map { index in
            unsafe bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
        }
    }

    // MARK: - Waiting

    /// Runs the loop until a condition holds. A minute without it is a failure of the test.
    func wait(_ location: SourceLocation = #_sourceLocation, until condition: () -> Bool) {
        let watchdog = Timer(loop) { [unowned self] in isLate = true }
        watchdog.start(afterNanoseconds: 60_000_000_000)
        while !condition() {
            loop.runTurn(waiting: true)
            if isLate {
                Issue.record("nothing happened; failures: \(failures)", sourceLocation: location)
                break
            }
        }
        watchdog.close()
    }

    func synchronize() {
        let token = UInt64(synchronized.count) + 1000
        worker.synchronize(token: token)
        wait { synchronized.contains(token) }
    }

    func waitForProcess() -> Int32 {
        synchronize()
        wait { worker.isProcessReady }
        return worker.processID ?? -1
    }

    // MARK: - AddressSpaceWorkerDelegate

    func worker(
        _ worker: AddressSpaceWorker, ended job: UInt64, outcome: JobOutcome, startedAt: UInt64, endedAt: UInt64
    ) {
        ended.append(Ended(job: job, outcome: outcome, startedAt: startedAt, endedAt: endedAt))
    }

    func worker(_ worker: AddressSpaceWorker, failed failure: WorkerFailure) { failures.append(failure) }

    func worker(_ worker: AddressSpaceWorker, synchronized token: UInt64) { synchronized.append(token) }
}

extension AddressSpaceWorker {
    var isProcessReady: Bool { process?.isReady ?? false }
}
