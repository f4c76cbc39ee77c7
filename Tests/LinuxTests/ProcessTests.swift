import CLinux
import Glibc
import Linux
import Testing

@Suite struct ProcessTests {
    private func start(_ arguments: [String]) throws -> Int32 {
        var process: pid_t = 0
        // SAFETY: the vector is null-terminated and outlives the call; its strings are freed afterwards.
        var vector = unsafe arguments.map { unsafe strdup($0) } + [nil]
        let result = unsafe posix_spawn(&process, arguments[0], nil, nil, &vector, nil)
        unsafe vector.forEach { unsafe free($0) }
        try #require(result == 0)
        return process
    }

    private func wait(_ descriptor: borrowing FileDescriptor) throws -> Linux.ExitStatus? {
        var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        // SAFETY: poll uses the one local entry.
        #expect(unsafe poll(&entry, 1, -1) == 1)
        return try ProcessControl.collect(child: descriptor)
    }

    @Test func collectsByDescriptor() throws {
        let exited = try ProcessControl.openDescriptor(process: try start(["/bin/sh", "-c", "exit 7"]))
        #expect(try wait(exited) == .exited(7))

        let sleeper = try start(["/bin/sleep", "1000"])
        let killed = try ProcessControl.openDescriptor(process: sleeper)
        #expect(try ProcessControl.collect(child: killed) == nil)
        try ProcessControl.signal(SIGKILL, process: sleeper)
        #expect(try wait(killed) == .signalled(SIGKILL))
        #expect(throws: SystemError.self) { try ProcessControl.collect(child: killed) }
    }

    @Test func signalsOneThread() throws {
        // Signal 0 asks only whether the thread is there.
        try ProcessControl.signal(0, thread: ProcessControl.threadID, process: ProcessControl.processID)
        let error = #expect(throws: SystemError.self) {
            try ProcessControl.signal(0, thread: .max, process: ProcessControl.processID)
        }
        #expect(error?.code == ESRCH)
    }

    @Test func theClockGoesForward() {
        let first = MonotonicClock.now
        #expect(MonotonicClock.now >= first)
        #expect(first > 0)
    }

    @Test func theWallClockIsThatOfTheCalendar() {
        let before = Int64(time(nil)) * 1000
        let now = WallClock.now
        // time() may be a tick of the kernel late, and leaves out the milliseconds.
        #expect((before..<Int64(time(nil)) * 1000 + 2000).contains(now))
    }

    /// In a process of its own, since filters cannot be taken off.
    @Test func filtersSystemCalls() async {
        await #expect(processExitsWith: .exitCode(0)) {
            try ProcessControl.setNoNewPrivileges()
            try ProcessControl.setDumpable(false)
            try ProcessControl.setParentDeathSignal(SIGKILL)
            let getppidNumber: UInt32 = 110
            let load = sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: 0)
            let isParent = sock_filter(code: UInt16(BPF_JMP | BPF_JEQ | BPF_K), jt: 0, jf: 1, k: getppidNumber)
            let refuse = sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0x0005_0000 | UInt32(EPERM))
            let allow = sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0x7fff_0000)
            try Seccomp.install([load, isParent, refuse, allow], flags: .allThreads)
            // The C library takes this call for one that cannot fail and returns what the kernel did.
            exit(getppid() == -EPERM ? 0 : 1)
        }
    }

    /// A thread makes the call, this one decides about it.
    @Test func decidesAboutSystemCalls() async {
        await #expect(processExitsWith: .exitCode(0)) {
            try ProcessControl.setNoNewPrivileges()
            let load = sock_filter(code: UInt16(BPF_LD | BPF_W | BPF_ABS), jt: 0, jf: 0, k: 0)
            let isParent = sock_filter(code: UInt16(BPF_JMP | BPF_JEQ | BPF_K), jt: 0, jf: 1, k: 110)
            let notify = sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0x7fc0_0000)
            let allow = sock_filter(code: UInt16(BPF_RET | BPF_K), jt: 0, jf: 0, k: 0x7fff_0000)
            let real = getppid()
            let listener = try Seccomp.installWithListener([load, isParent, notify, allow])
            _ = listener.useSynchronousWakeup()
            let results = try SharedMemory(name: "results", bytes: 4096)
            let mapping = try results.map()
            var thread = pthread_t()
            let box = unsafe Unmanaged.passRetained(mapping)
            // SAFETY: the thread takes the reference over; nothing else uses the mapping until it is joined.
            unsafe pthread_create(
                &thread, nil,
                { argument in
                    let mapping = unsafe Unmanaged<MemoryMapping>.fromOpaque(argument!).takeRetainedValue()
                    mapping.storeUInt64(UInt64(bitPattern: Int64(getppid())), at: 0)
                    mapping.storeUInt64(UInt64(bitPattern: Int64(getppid())), at: 8)
                    mapping.storeUInt64(UInt64(bitPattern: Int64(getppid())), at: 16)
                    return nil
                }, box.toOpaque())
            let first = try listener.receive()!
            guard first.number == 110, listener.isPending(first.identifier) else { exit(2) }
            try listener.allow(first.identifier)
            try listener.answer(try listener.receive()!.identifier, value: 4711)
            try listener.fail(try listener.receive()!.identifier, code: EACCES)
            pthread_join(thread, nil)
            guard mapping.loadUInt64(at: 0) == UInt64(real) else { exit(3) }
            guard mapping.loadUInt64(at: 8) == 4711 else { exit(4) }
            exit(mapping.loadUInt64(at: 16) == UInt64(bitPattern: Int64(-EACCES)) ? 0 : 5)
        }
    }
}
