import EventLoop
import Glibc
import Linux
import Testing

@Suite struct ChildProcessTests {
    private func exit(
        of executable: String, _ arguments: [String], environment: [String]? = nil, descriptors: [Int32] = [],
        started: (ChildProcess) throws -> Void = { _ in }
    ) throws -> Linux.ExitStatus? {
        let loop = try EventLoop()
        var status: Linux.ExitStatus?
        let child = try ChildProcess(
            loop, executable: executable, arguments: arguments, environment: environment, descriptors: descriptors
        ) { status = $0 }
        #expect(status == nil && child.processID != nil)
        try started(child)
        loop.run()
        #expect(child.processID == nil)
        try child.signal(SIGKILL)
        return status
    }

    @Test(arguments: [0, 1, 77, 255])
    func tellsTheCode(_ code: Int32) throws {
        #expect(try exit(of: "/bin/sh", ["-c", "exit \(code)"]) == .exited(code))
    }

    @Test func tellsTheSignal() throws {
        let status = try exit(of: "/bin/sleep", ["1000"]) { try $0.signal(SIGTERM) }
        #expect(status == .signalled(SIGTERM))
    }

    @Test func passesArgumentsEnvironmentAndDescriptors() throws {
        let pair = try SocketPair(.stream)
        let script = "test \"$1\" = 'a b' && test \"$NAME\" = value && test -z \"$HOME\" && echo done >&3"
        let status = try exit(
            of: "/bin/sh", ["-c", script, "sh", "a b"], environment: ["NAME=value", "PATH=/bin:/usr/bin"],
            descriptors: [-1, -1, -1, pair.second.rawValue])
        #expect(status == .exited(0))
        var queue = DescriptorQueue()
        #expect(try Socket.receive(pair.first.rawValue, maximumBytes: 64, descriptors: &queue) == Array("done\n".utf8))
    }

    @Test func theChildHasNoOtherDescriptors() throws {
        let pair = try SocketPair(.stream)
        // One that was passed on to this process rather than opened by it.
        let inherited = dup(pair.first.rawValue)
        defer { close(inherited) }
        let status = try exit(
            of: "/bin/sh", ["-c", "ls /proc/self/fd | wc -w >&3"],
            descriptors: [-1, -1, -1, pair.second.rawValue])
        #expect(status == .exited(0))
        var queue = DescriptorQueue()
        let text = try Socket.receive(pair.first.rawValue, maximumBytes: 64, descriptors: &queue)
        // 0, 1, 2, 3 and the one that ls reads the directory with.
        #expect(text == Array("5\n".utf8))
    }

    @Test func aMissingProgramIsAnError() throws {
        let loop = try EventLoop()
        let error = #expect(throws: SystemError.self) {
            try ChildProcess(loop, executable: "/nonexistent/program") { _ in Issue.record("it cannot have ended") }
        }
        #expect(error?.code == ENOENT)
        #expect(error?.description.contains("/nonexistent/program") == true)
        loop.run()
    }

    @Test func isCollectedWithoutItsObject() throws {
        let loop = try EventLoop()
        var status: Linux.ExitStatus?
        let identifier = try #require(
            try ChildProcess(loop, executable: "/bin/sh", arguments: ["-c", "exit 3"]) { status = $0 }.processID)
        loop.run()
        #expect(status == .exited(3))
        #expect(kill(identifier, 0) == -1)
    }
}
