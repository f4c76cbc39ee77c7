import Glibc
import Linux

/// A program that a test started. It is ended by its id at the latest when this object goes.
final class TestProcess {
    let processID: Int32
    /// Readable when the process has ended.
    private let descriptor: FileDescriptor
    private var status: ExitStatus?

    /// Starts a program whose descriptors from 0 on are the given ones; -1 is `/dev/null`.
    init(_ program: String, _ arguments: [String], descriptors: [Int32]) throws(SystemError) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // Copies with high numbers, so that no source is overwritten before its turn.
        var copies: [Int32] = []
        defer { for copy in copies { _ = close(copy) } }
        for index in descriptors.indices {
            let target = Int32(index)
            if descriptors[index] < 0 {
                unsafe posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
                continue
            }
            let copy = fcntl(descriptors[index], F_DUPFD_CLOEXEC, 100)
            guard copy >= 0 else { throw SystemError(code: errno, operation: "copy a descriptor for a child") }
            copies.append(copy)
            unsafe posix_spawn_file_actions_adddup2(&actions, copy, target)
        }
        var vector = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe vector.forEach { unsafe free($0) } }
        var process: pid_t = 0
        // SAFETY: everything that the call reads lives until it returns.
        let code = unsafe posix_spawn(&process, program, &actions, nil, &vector, environ)
        guard code == 0 else { throw SystemError(code: code, operation: "start \(program)") }
        processID = process
        descriptor = try ProcessControl.openDescriptor(process: process)
    }

    deinit {
        guard status == nil else { return }
        try? signal(SIGKILL)
        _ = try? wait()
    }

    func signal(_ signal: Int32) throws(SystemError) {
        if status == nil { try ProcessControl.signal(signal, process: processID) }
    }

    /// Waits for the end of the process. One that takes for ever is killed.
    func wait() throws(SystemError) -> ExitStatus {
        if let status { return status }
        if !Wait.forReading(descriptor.rawValue) { try ProcessControl.signal(SIGKILL, process: processID) }
        _ = Wait.forReading(descriptor.rawValue)
        let status = try ProcessControl.collect(child: descriptor)
        self.status = status
        return status ?? .signalled(SIGKILL)
    }

    var hasEnded: Bool {
        if status == nil, let ended = try? ProcessControl.collect(child: descriptor) { status = ended }
        return status != nil
    }
}

/// Runs of a program to its end.
struct ProgramRun {
    let status: ExitStatus
    let output: String
    let errors: String

    /// Runs a program of this package.
    init(_ program: String, _ arguments: [String]) throws {
        let output = try SharedMemory(name: "output", bytes: 0, seals: [])
        let errors = try SharedMemory(name: "errors", bytes: 0, seals: [])
        let process = try TestProcess(
            program, arguments, descriptors: [-1, output.descriptor.rawValue, errors.descriptor.rawValue])
        status = try process.wait()
        self.output = try output.text()
        self.errors = try errors.text()
    }
}

extension SharedMemory {
    /// What is in the file by now.
    func text() throws -> String {
        String(decoding: try descriptor.read(at: 0, count: Int(descriptor.status().size)), as: UTF8.self)
    }
}

/// Waits that end when something has happened. The bound only keeps a broken program from holding up the run.
enum Wait {
    static let boundMilliseconds: UInt64 = 60_000

    /// Whether the descriptor became readable.
    static func forReading(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // SAFETY: poll reads and writes the one local entry.
        return unsafe poll(&entry, 1, Int32(boundMilliseconds)) == 1
    }

    /// Whether `condition` became true: for what nothing tells of.
    static func until(_ condition: () throws -> Bool) rethrows -> Bool {
        let end = MonotonicClock.now + boundMilliseconds * 1_000_000
        while try !condition() {
            if MonotonicClock.now > end { return false }
            pause(milliseconds: 2)
        }
        return true
    }

    /// Leaves the processor to others for a moment.
    static func pause(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }
}

/// Programs and folders of this package.
enum Package {
    /// Where `swift build` puts the programs: beside the test program.
    static let programs: String = {
        let path = ProcessControl.executablePath ?? ""
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }()

    static var server: String { programs + "/understudy" }
    static var worker: String { programs + "/understudy-worker" }
}
