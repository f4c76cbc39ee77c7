import CSoftGPU
import EventLoop
import Glibc
import Linux
import Testing
import WorkerProtocol

@testable import Workers

@Suite struct RestartTests {
    @Test func replacesAProcessThatIsKilled() throws {
        let space = try AddressSpace(engines: 2)
        let far: UInt64 = 0x6000_0000_0000
        space.map(far, 0x1000, offset: 0x7000)
        try space.write([UInt64(123)], at: 0x7000)
        var hang = Commands()
        hang.packet(SOFTGPU_WRITE64, AddressSpace.base + 0x9000, 9)
        hang.packet(SOFTGPU_HANG)
        let lost = try space.start(hang)
        let process = space.waitForProcess()
        while try space.words(at: 0x9000, count: 1) != [9] { space.loop.runTurn() }
        kill(process, SIGKILL)
        #expect(space.finish(lost) == .lost(.ended(.signalled(SIGKILL))))
        // The mappings are there again, with what was in memory.
        #expect(try space.run { $0.copy(to: AddressSpace.base, from: far, bytes: 8) } == .completed)
        #expect(try space.words(at: 0, count: 1) == [123])
        #expect(space.worker.processID != process)
        #expect(space.failures == [.ended(.signalled(SIGKILL))])
    }

    @Test func killsAProcessThatDoesNotLetGo() throws {
        let space = try AddressSpace(engines: 2) { $0.abortPatienceNanoseconds = 1_000_000 }
        let process = space.waitForProcess()
        var hang = Commands()
        hang.packet(SOFTGPU_HANG)
        let stuck = try space.start(hang)
        let other = try space.start(hang, engine: 1)
        space.synchronize()
        // A stopped process answers nothing.
        kill(process, SIGSTOP)
        space.worker.abort(stuck)
        #expect(space.finish(stuck) == .aborted)
        #expect(space.finish(other) == .lost(.unresponsive(job: stuck)))
        #expect(space.failures == [.unresponsive(job: stuck)])
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func reportsAProgramThatIsNotThere() throws {
        let space = try AddressSpace { $0.executable = "/nonexistent/understudy-worker" }
        let job = try space.start(Commands())
        #expect(space.finish(job) == .lost(.givenUp))
        #expect(space.failures.last == .givenUp)
        #expect(
            space.failures.dropLast().allSatisfy {
                if case .launch(let error) = $0 { error.code == ENOENT } else { false }
            })
        #expect(try space.run(Commands()) == .lost(.givenUp))
    }

    @Test func reportsAProgramThatIsNoWorker() throws {
        let space = try AddressSpace { $0.executable = "/bin/true" }
        let job = try space.start(Commands())
        #expect(space.finish(job) == .lost(.givenUp))
        #expect(space.failures.first == .ended(.exited(0)))
    }

    @Test func killsAProgramThatNeverBecomesReady() throws {
        let space = try AddressSpace {
            // Reads its standard input, the channel, for ever.
            $0.executable = "/usr/bin/tail"
            $0.startPatienceNanoseconds = 1_000_000
        }
        space.wait { !space.failures.isEmpty }
        #expect([.startTimeout, .ended(.exited(1))].contains(space.failures[0]))
    }

    /// In a process of its own: other tests have descriptors and children too.
    @Test func leavesNothingBehind() async {
        await #expect(processExitsWith: .success) {
            // The first one brings the compiled kernel and what libuv keeps for the process.
            var before: [String] = []
            for _ in 0..<3 {
                do {
                    let space = try AddressSpace()
                    guard try space.run("trap", pointer: 0) != .completed else { exit(2) }
                    _ = try space.worker.addFile(
                        WorkerFile(descriptor: space.memory.descriptor.rawValue, bytes: 4096))
                }
                if before.isEmpty { before = try openDescriptors() }
            }
            // Closed while it starts.
            try AddressSpace().close()
            guard try openDescriptors() == before else { exit(3) }
            guard waitpid(-1, nil, WNOHANG) == -1, errno == ECHILD else { exit(4) }
        }
    }
}

/// The numbers of all open descriptors, without the one that lists them.
private func openDescriptors() throws -> [String] {
    guard let folder = unsafe opendir("/proc/self/fd") else { throw ToolchainError(description: "opendir") }
    defer { _ = unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
        let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        if unsafe Int32(name) != dirfd(folder) { names.append(name) }
    }
    return names.sorted()
}
