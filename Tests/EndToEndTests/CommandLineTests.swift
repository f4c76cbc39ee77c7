import Guest
import Linux
import Testing

/// What a person or a script sees of the program.
@Suite struct CommandLineTests {
    @Test func demoWithAServerOfItsOwn() throws {
        let run = try ProgramRun(Package.server, ["demo", "--quick"])
        #expect(run.status == .exited(0), "\(run.errors)")
        #expect(run.output.hasSuffix("All results are right.\n"))
        #expect(run.errors == "")
    }

    @Test func demoWithAServerThatRuns() throws {
        try TestServer.run { server in
            let before = try server.idleFacts()
            for _ in 0..<2 {
                let run = try ProgramRun(Package.server, ["demo", "--quick", "--connect", "unix:\(server.socketPath)"])
                #expect(run.status == .exited(0), "\(run.errors)")
                #expect(run.output.hasSuffix("All results are right.\n"))
            }
            server.expectSettled(to: before, "two demos")
        }
    }

    @Test func demoWithoutAServer() throws {
        let directory = try TemporaryDirectory(prefix: "understudy-none")
        defer { directory.remove() }
        let run = try ProgramRun(Package.server, ["demo", "--connect", "unix:\(directory.path)/none.sock"])
        #expect(run.status == .exited(1))
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.errors.contains("\(directory.path)/none.sock"))
    }

    @Test func version() throws {
        let run = try ProgramRun(Package.server, ["--version"])
        #expect(run.status == .exited(0))
        #expect(run.output.wholeMatch(of: /understudy \d+\.\d+\.\d+\n/) != nil)
    }

    @Test(arguments: [["--help"], ["help"], ["serve", "--help"], ["demo", "--help"]])
    func help(_ arguments: [String]) throws {
        let run = try ProgramRun(Package.server, arguments)
        #expect(run.status == .exited(0))
        #expect(run.output.contains("USAGE: understudy"))
        #expect(run.errors == "")
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var arguments: [String]
        /// What the message has to name: the option, and what is allowed.
        var names: [String]
        var testDescription: String { arguments.joined(separator: " ") }
    }

    static let mistakes: [Mistake] = [
        Mistake(arguments: ["serve"], names: ["--listen", "unix:"]),
        Mistake(arguments: ["serve", "--listen", "tcp:1"], names: ["--listen", "unix:PATH", "vsock:CID:PORT"]),
        Mistake(arguments: ["serve", "--listen", "unix:"], names: ["--listen", "empty path"]),
        Mistake(arguments: ["serve", "--listen", "vsock:x:1"], names: ["--listen", "any"]),
        Mistake(arguments: listen + ["--interface-version", "39"], names: ["--interface-version", "27", "40"]),
        Mistake(arguments: listen + ["--vmbus-version", "6.0"], names: ["--vmbus-version", "2.4", "5.3"]),
        Mistake(arguments: listen + ["--log-level", "loud"], names: ["--log-level", "debug"]),
        Mistake(arguments: listen + ["--memory", "0"], names: ["--memory", "1048576"]),
        Mistake(arguments: listen + ["--memory", "-1"], names: ["--memory"]),
        Mistake(arguments: listen + ["--adapter", "defualt"], names: ["--adapter", "'default'"]),
        Mistake(arguments: listen + ["--adapter-profiles", "x"], names: ["--adapter-profiles", "with --adapter"]),
        Mistake(arguments: listen + ["--lanes", "65"], names: ["--lanes", "64"]),
        Mistake(arguments: listen + ["--lanes", "x"], names: ["--lanes"]),
        Mistake(arguments: listen + ["--timeout", "86400001"], names: ["--timeout", "86400000"]),
        Mistake(arguments: listen + ["--io-space", "0"], names: ["--io-space", "65535"]),
        Mistake(arguments: listen + ["--io-space", "65536"], names: ["--io-space"]),
        Mistake(arguments: listen + ["--nonsense"], names: ["--nonsense"]),
        Mistake(arguments: ["demo", "--connect", "nowhere"], names: ["--connect", "unix:PATH"]),
        Mistake(arguments: ["guests"], names: ["--control"]),
        Mistake(arguments: ["guests", "--control", ""], names: ["--control", "1 to 107 bytes"]),
        Mistake(arguments: ["fences", "--control", "c"], names: ["--guest"]),
        Mistake(
            arguments: listen + ["--control", String(repeating: "x", count: 108)], names: ["--control", "1 to 107"]),
        Mistake(arguments: ["capabilities", "--config", "/none.yaml"], names: ["/none.yaml"]),
        Mistake(arguments: ["dance"], names: ["dance"]),
    ]

    private static let listen = ["serve", "--listen", "unix:/nonexistent/gpu.sock"]

    @Test(arguments: mistakes) func wrongOption(_ mistake: Mistake) throws {
        let run = try ProgramRun(Package.server, mistake.arguments)
        #expect(run.status == .exited(64))
        let message = run.errors.split(separator: "\n").first.map(String.init) ?? ""
        for name in mistake.names { #expect(message.contains(name), "the message is: \(run.errors)") }
        #expect(run.output == "")
    }

    @Test func socketThatCannotBeMade() throws {
        let run = try ProgramRun(Package.server, Self.listen)
        #expect(run.status == .exited(71))
        #expect(run.errors.split(separator: "\n").count == 1)
        #expect(run.errors.contains("/nonexistent"))
    }
}
