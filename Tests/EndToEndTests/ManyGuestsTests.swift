import DXGProtocol
import Guest
import Linux
import Testing

/// Guests and processes side by side: each gets its own results, and nobody's trouble is another's.
@Suite struct ManyGuestsTests {
    @Test func twoGuestsWithTwoProcessesEach() throws {
        try TestServer.run { server in
            let machines = try [GuestMachineOptions(), .unshared].map {
                try GuestMachine.connect(to: server.endpoint, options: $0)
            }
            var devices: [TestDevice] = []
            for machine in machines {
                devices.append(try TestDevice(machine, id: 1, .context))
                devices.append(try TestDevice(machine, id: 2, .hardwareQueue))
            }
            let problems = try devices.enumerated().map { try SaxpyProblem(on: $1, count: 20_000, seed: 100 * $0) }
            #expect(server.workers.count == 4)
            for _ in 0..<10 {
                for problem in problems { try problem.reset() }
                let values = try zip(devices, problems).map { device, problem in
                    var buffer = CommandBuffer()
                    problem.append(to: &buffer)
                    return try device.start(buffer)
                }
                for (device, value) in zip(devices, values) { try device.finish(value) }
                for problem in problems { #expect(try problem.isRight()) }
            }
            for machine in machines { #expect(machine.oddities == []) }
        }
    }

    /// The same GPU addresses and the same handles mean other memory in every process.
    @Test func sameAddressesOfTwoGuests() throws {
        try TestServer.run { server in
            let devices = try (0..<2).map { _ in try TestDevice(GuestMachine.connect(to: server.endpoint)) }
            let buffers = try devices.map { try $0.makeBuffer(bytes: 4096) }
            #expect(buffers[0].address == buffers[1].address)
            #expect(buffers[0].allocation == buffers[1].allocation)
            for (index, device) in devices.enumerated() {
                try device.run { $0.fill(buffers[index].address, bytes: 4096, pattern: UInt32(index + 1)) }
            }
            for (index, buffer) in buffers.enumerated() {
                #expect(try buffer.memory.loadUInt64(at: 8) == UInt64(index + 1) * 0x1_0000_0001)
            }
        }
    }

    /// New memory holds nothing of the guest that had it before.
    @Test func memoryIsZeroForTheNextOwner() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            for round in 0..<3 as Range<UInt64> {
                let device = try TestDevice(machine, id: round + 1)
                let visible = try device.makeBuffer(bytes: 1 << 20)
                #expect(try visible.memory.read(count: 1 << 20).allSatisfy { $0 == 0 })
                let hidden = try device.process.createAllocation2(
                    device: device.device, [.memory(bytes: 1 << 20, isCPUVisible: false)]
                ).allocations[0]
                let address = try device.map(hidden.handle, bytes: 1 << 20)
                try device.run { $0.copy(from: address, to: visible.address, bytes: 1 << 20) }
                #expect(try visible.memory.read(count: 1 << 20).allSatisfy { $0 == 0 })
                try device.run {
                    $0.fill(address, bytes: 1 << 20, pattern: 0xDEAD_BEEF)
                    $0.fill(visible.address, bytes: 1 << 20, pattern: 0xDEAD_BEEF)
                }
                try device.process.destroy()
            }
        }
    }
}
