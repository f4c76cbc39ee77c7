import CSoftGPU
import EventLoop
import Glibc
import Linux
import Testing
import WorkerProtocol
import Workers

/// A worker process with one file of memory, all of it mapped, that runs code objects.
final class KernelMachine: AddressSpaceWorkerDelegate {
    /// One dispatch.
    struct Dispatch {
        var codeObject: [UInt8]
        var entry: UInt64
        var arguments: [UInt8]
        var groups: (UInt32, UInt32, UInt32) = (1, 1, 1)
        var groupSize: (UInt32, UInt32, UInt32) = (1, 1, 1)
        var groupMemory: UInt32 = 0
    }

    /// Where the file is mapped. Buffers begin there; commands, arguments and code lie in the last megabytes.
    static let base: UInt64 = 0x2_0000_0000
    private static let bytes: UInt64 = 64 << 20
    private static let commands: UInt64 = 40 << 20
    private static let arguments: UInt64 = 41 << 20
    private static let code: UInt64 = 42 << 20

    private let loop: EventLoop
    private let memory: SharedMemory
    private var worker: AddressSpaceWorker!
    private var ended: [UInt64: JobOutcome] = [:]
    private var lastJob: UInt64 = 0
    private var isLate = false

    init(lanes: Int = 2) throws {
        loop = try EventLoop()
        memory = try SharedMemory(name: "kernel-machine", bytes: KernelMachine.bytes)
        var options = WorkerOptions(executable: KernelMachine.executable, lanes: lanes, engines: 1)
        options.abortPatienceNanoseconds = 20_000_000_000
        options.startPatienceNanoseconds = 60_000_000_000
        worker = try AddressSpaceWorker(
            loop: loop, options: options,
            files: [WorkerFile(descriptor: memory.descriptor.rawValue, bytes: KernelMachine.bytes)], delegate: self)
        worker.map(
            GPUMapping(
                address: KernelMachine.base, length: KernelMachine.bytes, file: 0, offset: 0, access: .readWrite))
    }

    deinit {
        let process = worker.processID
        worker.close()
        while let process, kill(process, 0) == 0 { loop.runTurn(waiting: true) }
    }

    /// Beside the test program, where `swift build` puts it.
    private static let executable: String = {
        let path = ProcessControl.executablePath ?? ""
        return (path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ".") + "/understudy-worker"
    }()

    // MARK: - Memory, by offset from the base

    func write(_ bytes: [UInt8], at offset: UInt64) throws { try memory.write(unsafe bytes.span.bytes, at: offset) }

    func read(at offset: UInt64, count: Int) throws -> [UInt8] { try memory.read(at: offset, count: count) }

    // MARK: - Running

    /// Runs a dispatch, and returns how it ended.
    func run(_ dispatch: Dispatch) throws -> JobOutcome {
        try write(dispatch.codeObject, at: KernelMachine.code)
        try write(dispatch.arguments, at: KernelMachine.arguments)
        let (groups, size) = (dispatch.groups, dispatch.groupSize)
        let words: [UInt64] = [
            UInt64(UInt16(SOFTGPU_DISPATCH.rawValue)) | 72 << 32, KernelMachine.base + KernelMachine.code,
            UInt64(dispatch.codeObject.count), dispatch.entry, KernelMachine.base + KernelMachine.arguments,
            UInt64(groups.0) | UInt64(groups.1) << 32, UInt64(groups.2) | UInt64(size.0) << 32,
            UInt64(size.1) | UInt64(size.2) << 32, UInt64(dispatch.groupMemory),
        ]
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) } }
        try write(bytes, at: KernelMachine.commands)
        lastJob += 1
        worker.run(
            WorkerJob(
                id: lastJob, engine: 0, commandBuffer: KernelMachine.base + KernelMachine.commands,
                length: UInt64(bytes.count)))
        wait { ended[lastJob] != nil }
        return ended[lastJob] ?? .aborted
    }

    /// Runs the loop until a condition holds. Two minutes without it are a failure of the test.
    private func wait(until condition: () -> Bool) {
        let watchdog = Timer(loop) { [unowned self] in isLate = true }
        watchdog.start(afterNanoseconds: 120_000_000_000)
        while !condition() && !isLate { loop.runTurn(waiting: true) }
        if isLate { Issue.record("a kernel does not end") }
        watchdog.close()
    }

    // MARK: - AddressSpaceWorkerDelegate

    func worker(
        _ worker: AddressSpaceWorker, ended job: UInt64, outcome: JobOutcome, startedAt: UInt64, endedAt: UInt64
    ) {
        ended[job] = outcome
    }

    func worker(_ worker: AddressSpaceWorker, failed failure: WorkerFailure) { Issue.record("worker: \(failure)") }

    func worker(_ worker: AddressSpaceWorker, synchronized token: UInt64) {}
}
