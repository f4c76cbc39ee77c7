import DXGProtocol
import Guest
import Linux
import Testing
import VMBus

/// Virtual machines over shared memory (docs/protocol/ivshmem.md).
@Suite struct IvshmemTests {
    static func run(
        _ arguments: [String] = ["--io-space", "32"], _ body: (TestServer, VirtualMachine) throws -> Void
    ) throws {
        try TestServer.run(arguments, endpoints: { ["ivshmem:\($0.path)/vm"] }) { server in
            try body(server, try VirtualMachine(path: server.directory.path + "/vm"))
        }
    }

    @Test func headerIsAsThePageSays() throws {
        try Self.run { _, machine in
            #expect(machine.header(at: 0x00) == 0x5355_424D_5659_4453)
            #expect(machine.header(at: 0x08) == 8 << 32 | 1)
            #expect(machine.header(at: 0x10) == 32 << 32)
            #expect(machine.header(at: 0x18) == machine.file.bytes)
            #expect(machine.file.bytes == 64 << 20)
            let places: [UInt64] = [
                0x1000, 0x2000, 0x10000, 0x20000, 0x10000, 0x100000, 31 << 20, 0x2000000, 32 << 20, 0,
            ]
            #expect((0..<10).map { machine.header(at: 0x20 + 8 * $0) } == places)
            #expect(machine.header(at: 0x70) != 0)
            for field in [0x100, 0x104, 0x108, 0x140] { #expect(machine.memory.load(at: field) == 0) }
            #expect(machine.readConfiguration(function: 0, offset: 0) == 0x008E_1414)
            #expect(machine.readConfiguration(function: 1, offset: 0) == .max)
            #expect(machine.readConfiguration(function: 31, offset: 252) == .max)
        }
    }

    /// All the way to the answers of commands, on both channels.
    @Test func opensAnAdapter() throws {
        try Self.run { server, machine in
            #expect(try machine.attach() == 0)
            let (global, vgpu) = try machine.startDriver()
            var open = MessageBuilder<OpenAdapter.Request>()
            open.vmbusInterfaceVersion = 40
            open.vmbusLastCompatibleInterfaceVersion = 16
            let reply = try machine.perform(open, on: vgpu, transaction: 2, vgpuLUID: machine.vgpuLUID)
            let view = try MessageView<OpenAdapter.Reply>(reply.wireBytes)
            #expect(view.status == .success)
            #expect(view.hostAdapterHandle != .none)
            _ = global
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }
}
