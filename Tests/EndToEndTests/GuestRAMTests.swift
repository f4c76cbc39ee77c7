import DXGProtocol
import Glibc
import Guest
import Linux
import Testing

/// The RAM of virtual machines, in files that the configuration names (docs/protocol/ivshmem.md 9).
@Suite struct GuestRAMTests {
    /// RAM of a machine, of which only what is touched takes memory. It has a name for as long as the test holds it.
    private static func makeRAM(bytes: UInt64) throws -> (file: SharedMemory, path: String) {
        let file = try SharedMemory(name: "ram", bytes: bytes, seals: [])
        return (file, "/proc/\(getpid())/fd/\(file.descriptor.rawValue)")
    }

    /// With RAM of so many bytes, kept for as long as the server runs.
    private static func run(
        bytes: UInt64, machineType: String = "q35", _ body: (TestServer, VirtualMachine, SharedMemory) throws -> Void
    ) throws {
        let (ram, path) = try makeRAM(bytes: bytes)
        try run(ram: path, machineType: machineType) { try body($0, $1, ram) }
        withExtendedLifetime(ram) {}
    }

    private static func run(
        ram path: String, machineType: String = "q35", _ body: (TestServer, VirtualMachine) throws -> Void
    ) throws {
        let configuration = "guest: {guest-memory: \(path), machine-type: \(machineType), io-space: 32MiB}\n"
        try TestServer.run(endpoints: { ["ivshmem:\($0.path)/vm"] }, configuration: configuration) { server in
            try body(server, try VirtualMachine(path: server.directory.path + "/vm"))
        }
    }

    /// Status of an attach that the host could not serve, and of one whose address is wrong.
    private static let resourceLimit: UInt32 = 6
    private static let protocolError: UInt32 = 1

    /// A command buffer and its data in the machine's own pages, on both sides of the hole, in place.
    @Test(arguments: [("q35", 2 << 30), ("pc", 3 << 30)] as [(String, UInt64)])
    func computesInPlace(machineType: String, belowHole: UInt64) throws {
        try Self.run(bytes: 4 << 30, machineType: machineType) { _, machine, ram in
            #expect(try machine.attach() == 0)
            let process = try DriverProcess(machine)
            let lastBelow = belowHole - 4096
            let above = belowHole + 0x5000
            let pages = [0x10_0000, lastBelow, (1 << 32) + 0x5000] as [UInt64]
            let allocation = try process.makeExistingMemory(pages: 3)
            #expect(try process.setPages(pages.map { $0 / 4096 }, of: allocation) == .success)
            let address = try process.map(allocation, pages: 3)
            var buffer = CommandBuffer()
            buffer.copy(from: address + 4096, to: address + 8192, bytes: 8)
            buffer.write(0xD0_0D as UInt64, to: address + 8192 + 8)
            try ram.write(buffer.bytes, at: 0x10_0000)
            try ram.write([1, 2, 3, 4, 5, 6, 7, 8], at: lastBelow)
            try process.submit(address, length: buffer.bytes.count)
            #expect(try Wait.until { try ram.read(at: above + 8, count: 2) == [0x0D, 0xD0] })
            #expect(try ram.read(at: above, count: 8) == [1, 2, 3, 4, 5, 6, 7, 8])
        }
    }

    /// Pages in the hole, behind all RAM and around the shared memory; the memory's own are fine.
    @Test func pagesOutsideAreRefused() throws {
        try Self.run(bytes: 3 << 30) { _, machine, _ in
            #expect(try machine.attach() == 0)
            let process = try DriverProcess(machine)
            let allocation = try process.makeExistingMemory(pages: 2)
            let memory = VirtualMachine.address
            let outside =
                [
                    2 << 30, (4 << 30) - 4096, 5 << 30, memory - 4096, memory + machine.file.bytes, 1 << 63,
                ] as [UInt64]
            for address in outside {
                #expect(try process.setPages([1, address / 4096], of: allocation) == .invalidParameter)
            }
            #expect(try process.setPages([(5 << 30) / 4096 - 1, memory / 4096], of: allocation) == .success)
        }
    }

    /// A monitor that shortens the file costs its own guest a device, and nobody else anything.
    @Test func truncatedFileHurtsNobody() throws {
        try Self.run(bytes: 64 << 20) { server, machine, ram in
            #expect(try machine.attach() == 0)
            let process = try DriverProcess(machine)
            let allocation = try process.makeExistingMemory(pages: 2)
            #expect(try process.setPages([0x100, 0x200], of: allocation) == .success)
            let address = try process.map(allocation, pages: 2)
            var buffer = CommandBuffer()
            buffer.write(1 as UInt64, to: address + 4096)
            try ram.write(buffer.bytes, at: 0x10_0000)
            #expect(ftruncate(ram.descriptor.rawValue, 0x20_0000) == 0)
            #expect(try process.isDeviceActive())
            try process.submit(address, length: buffer.bytes.count)
            #expect(try Wait.until { try !process.isDeviceActive() })
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
            // The machine's next driver finds what is left.
            #expect(try machine.attach() == 0)
            let next = try DriverProcess(machine)
            let other = try next.makeExistingMemory(pages: 1)
            #expect(try next.setPages([0x200], of: other) == .invalidParameter)
            #expect(try next.setPages([0x1FF], of: other) == .success)
            #expect(ftruncate(ram.descriptor.rawValue, 0) == 0)
            #expect(try machine.attach() == Self.resourceLimit)
            #expect(try GuestMachine.checkHealth(of: server.endpoint))
        }
    }

    /// The shared memory is never where RAM is; the driver may try again.
    @Test func memoryOverRAMIsRefused() throws {
        try Self.run(bytes: 3 << 30) { (_, machine: VirtualMachine, _) throws in
            let size = machine.file.bytes
            let wrong: [UInt64] = [0, (2 << 30) - 4096, (4 << 30) - size + 4096, (5 << 30) - 4096]
            for address in wrong {
                #expect(try machine.attach(address: address) == Self.protocolError)
            }
            #expect(try machine.attach(address: 2 << 30) == 0)
            #expect(try machine.attach(address: (4 << 30) - size) == 0)
            #expect(try machine.attach(address: 5 << 30) == 0)
        }
    }

    /// A file that is not there yet, is no file on tmpfs, or has no whole pages keeps drivers out until it is right.
    @Test func unusableFilesKeepDriversOut() throws {
        let folder = try TemporaryDirectory(prefix: "understudy-ram")
        defer { folder.remove() }
        let path = folder.path + "/ram"
        defer { _ = unsafe unlink(path) }
        try Self.run(ram: path) { server, machine in
            #expect(try machine.attach() == Self.resourceLimit)
            #expect(Wait.until { server.logText.contains("open \(path): No such file or directory") })
            #expect(unsafe symlink("/proc/\(getpid())/comm", path) == 0)
            #expect(try machine.attach() == Self.resourceLimit)
            #expect(Wait.until { server.logText.contains("use \(path) as memory: not a file on tmpfs") })
            #expect(unsafe unlink(path) == 0)
            #expect(unsafe mkfifo(path, 0o600) == 0)
            #expect(try machine.attach() == Self.resourceLimit)
            #expect(unsafe unlink(path) == 0)
            let (odd, oddPath) = try Self.makeRAM(bytes: 4097)
            #expect(unsafe symlink(oddPath, path) == 0)
            #expect(try machine.attach() == Self.resourceLimit)
            #expect(ftruncate(odd.descriptor.rawValue, 8192) == 0)
            #expect(try machine.attach() == 0)
        }
    }

    /// RAM is one machine's, until that is switched off.
    @Test func fileIsForOneMachine() throws {
        try Self.run(bytes: 1 << 20) { server, machine, _ in
            #expect(try machine.attach() == 0)
            let other = try VirtualMachine(path: server.directory.path + "/vm")
            #expect(try other.attach() == Self.resourceLimit)
            #expect(Wait.until { server.logText.contains("it is that of") })
            #expect(try machine.attach() == 0)
            machine.switchOff()
            #expect(try Wait.until { try other.attach() == 0 })
            #expect(try DriverProcess(other).isDeviceActive())
        }
    }
}
