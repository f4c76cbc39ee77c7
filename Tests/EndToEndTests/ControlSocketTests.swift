import Control
import Guest
import Linux
import SoftGPU
import Testing

/// What those who run a server are told of its guests (docs/control.md).
@Suite struct ControlSocketTests {
    static let configuration = "control:\n  path: gpu.control\n"

    private func path(of server: TestServer) -> String { server.directory.path + "/gpu.control" }

    /// Sends bytes in pieces of that size, and gives the lines of the answer, of which there have to be so many.
    private func exchange(_ server: TestServer, _ text: String, lines: Int, pieces: Int = .max) throws -> [String] {
        let socket = try Socket.connect(to: .unix(path: path(of: server)))
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let sent = try #require(try Socket.send(socket.rawValue, Array(rest.prefix(pieces))))
            rest = rest.dropFirst(sent)
        }
        var answer: [UInt8] = []
        var descriptors = DescriptorQueue()
        while answer.count(where: { $0 == UInt8(ascii: "\n") }) < lines {
            let bytes = try Socket.receive(socket.rawValue, maximumBytes: 4096, descriptors: &descriptors) ?? []
            guard !bytes.isEmpty else { break }
            answer += bytes
        }
        return String(decoding: answer, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func aGuestAndItsFenceAreShown() throws {
        try TestServer.run(configuration: Self.configuration) { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let device = try TestDevice(machine)
            let fence = try device.process.createMonitoredFence(device: device.device, initialValue: 3)
            let event = try device.process.beginWaitFromCpu(
                device: device.device, objects: [fence.handle], values: [9])

            let guests = try ProgramRun(Package.server, ["guests", "--control", path(of: server), "--json"])
            #expect(guests.status == .exited(0), "\(guests.errors)")
            let reply = try JSONLine.decode(GuestsReply.self, from: Array(guests.output.utf8))
            let guest = try #require(reply.guests.first)
            #expect(reply.guests.count == 1)
            #expect(guest.gpu.processes.map(\.waiters) == [1])
            #expect(guest.gpu.processes.first?.objects.devices == 1)

            let arguments = ["fences", "--control", path(of: server), "--guest", "\(guest.guest)"]
            let text = try ProgramRun(Package.server, arguments)
            #expect(text.status == .exited(0), "\(text.errors)")
            #expect(text.output.contains("waits for 9"))
            let json = try ProgramRun(Package.server, arguments + ["--json"])
            let fences = try JSONLine.decode(FencesReply.self, from: Array(json.output.utf8))
            #expect(fences.fences.map(\.value) == [3])
            #expect(fences.fences.map(\.isGPUWritable) == [true])

            try device.process.signalSynchronizationObjectFromCpu(
                device: device.device, objects: [fence.handle], values: [9])
            try event.wait(until: .bound)
            let after = try ProgramRun(Package.server, arguments)
            #expect(after.output == "Nobody waits for a fence.\n")
        }
    }

    /// Whole requests at once, and torn into single bytes: each has its answer, in order.
    @Test(arguments: [Int.max, 1]) func linesAreAnsweredInOrder(pieces: Int) throws {
        try TestServer.run(configuration: Self.configuration) { server in
            let requests = """
                {"request": "version"}
                rubbish
                {"request": "guests"}
                {"request": "fences", "guest": 77}

                """
            let lines = try exchange(server, requests, lines: 4, pieces: pieces)
            #expect(lines.count == 4)
            #expect(lines.first == "{\"control\":1,\"version\":\"\(ServerVersion.number)\"}")
            #expect(lines[1].hasPrefix("{\"error\":"))
            #expect(lines[2] == "{\"guests\":[]}")
            #expect(lines[3] == "{\"error\":\"guest 77 is not connected\"}")
        }
    }

    /// More answers than a socket holds, to somebody who does not read before all is asked.
    @Test func manyAnswersWaitForTheirReader() throws {
        try TestServer.run(configuration: Self.configuration) { server in
            let count = 200
            let text = String(repeating: "{\"request\": \"capabilities\"}\n", count: count)
            let lines = try exchange(server, text, lines: count)
            #expect(lines.count == count)
            #expect(Set(lines).count == 1)
            let capabilities = try JSONLine.decode(Capabilities.self, from: Array(try #require(lines.first).utf8))
            #expect(capabilities.adapters.map(\.name) == ["default"])
        }
    }

    @Test func aLineThatIsTooLongEndsTheConnection() throws {
        try TestServer.run(configuration: Self.configuration) { server in
            for text in [String(repeating: " ", count: 4096), String(repeating: "x", count: 5000) + "\n"] {
                let lines = try exchange(server, text, lines: 2)
                #expect(lines == ["{\"error\":\"a request is longer than 4096 bytes\"}"])
            }
            let longest = "{\"request\": \"version\"" + String(repeating: " ", count: 4095 - 22) + "}\n"
            #expect(try exchange(server, longest, lines: 1).first?.hasPrefix("{\"control\":") == true)
        }
    }

    @Test func connectionsAreCounted() throws {
        try TestServer.run(configuration: Self.configuration) { server in
            let before = try server.idleFacts()
            do {
                var held: [SocketHolder] = []
                for _ in 0..<16 { held.append(SocketHolder(try Socket.connect(to: .unix(path: path(of: server))))) }
                let lines = try exchange(server, "", lines: 2)
                #expect(lines == ["{\"error\":\"there are 16 connections to the control socket\"}"])
                withExtendedLifetime(held) {}
            }
            server.expectSettled(to: before, "connections to the control socket")
        }
    }

    /// An array can hold it.
    private final class SocketHolder {
        let socket: FileDescriptor

        init(_ socket: consuming FileDescriptor) { self.socket = socket }
    }

    @Test func capabilitiesNeedNoServer() throws {
        let run = try ProgramRun(Package.server, ["capabilities"])
        #expect(run.status == .exited(0))
        let capabilities = try JSONLine.decode(Capabilities.self, from: Array(run.output.utf8))
        #expect(capabilities.commands.count == 87)
        #expect(capabilities.transports.contains("unix:PATH"))
    }

    @Test func nobodyToAsk() throws {
        let directory = try TemporaryDirectory(prefix: "understudy-none")
        defer { directory.remove() }
        let run = try ProgramRun(Package.server, ["guests", "--control", directory.path + "/none"])
        #expect(run.status == .exited(1))
        #expect(run.errors.split(separator: "\n").count == 1)
    }
}
