import CSoftGPU
import DXGProtocol
import Guest
import Linux
import Testing

@testable import understudy

/// A device that faults or hangs is lost; the others of its process, and other guests, go on.
@Suite struct FaultTests {
    private static let wild: UInt64 = 0x5555_0000_0000

    /// A device to lose, one beside it in the same process, and one of another guest, all of them with work.
    private struct Scene {
        let victim: TestDevice
        let bystanders: [(device: TestDevice, problem: SaxpyProblem)]

        init(_ server: TestServer, disablesTimeout: Bool = false) throws {
            let machine = try GuestMachine.connect(to: server.endpoint)
            let other = try GuestMachine.connect(to: server.endpoint, options: .unshared)
            victim = try TestDevice(machine, id: 1, disablesTimeout: disablesTimeout)
            let beside = try TestDevice(victim.process, .hardwareQueue)
            let elsewhere = try TestDevice(other)
            bystanders = try [beside, elsewhere].enumerated().map { ($1, try SaxpyProblem(on: $1, seed: $0)) }
        }

        /// Everybody but the victim computes.
        func checkBystanders() throws {
            for (device, problem) in bystanders {
                try problem.reset()
                try device.run { problem.append(to: &$0) }
                #expect(try problem.isRight())
                #expect(try device.state == DeviceExecutionState.active.rawValue)
            }
        }

        func checkLost(_ state: DeviceExecutionState) throws {
            #expect(try victim.state == state.rawValue)
            #expect(try victim.fenceValue == .max)
            #expect(victim.process.machine.deviceStateChanges == 1)
            #expect(throws: GuestError.self) {
                try victim.process.createContextVirtual(device: victim.device)
            }
        }

        /// The process goes on with another device.
        func checkNextDevice() throws {
            try victim.process.destroyDevice(victim.device)
            let next = try TestDevice(victim.process)
            let problem = try SaxpyProblem(on: next, seed: 9)
            try next.run { problem.append(to: &$0) }
            #expect(try problem.isRight())
        }
    }

    @Test(arguments: [true, false]) func pageFault(isWrite: Bool) throws {
        try TestServer.run { server in
            let scene = try Scene(server)
            try scene.victim.run { $0.fault(at: Self.wild + 0x123, isWrite: isWrite) }
            try scene.checkLost(.errorDmaPageFault)
            let record = try scene.victim.process.getPageFaultState(scene.victim.device)
            #expect(record.address & ~0xFFF == Self.wild)
            #expect(record.flags & 1 == (isWrite ? 1 : 0))
            try scene.checkBystanders()
            try scene.checkNextDevice()
            try scene.checkBystanders()
        }
    }

    @Test func malformedPacket() throws {
        try TestServer.run { server in
            let scene = try Scene(server)
            let buffer = try scene.victim.makeBuffer(bytes: 4096)
            try buffer.memory.write([UInt16(0x1234), 0].bytes + [UInt32(8)].bytes)
            try scene.victim.finish(scene.victim.submit(buffer.address, length: 8))
            try scene.checkLost(.errorDmaFault)
            try scene.checkBystanders()
            try scene.checkNextDevice()
        }
    }

    /// A write into memory that is mapped for reading only does not take place.
    @Test func writeToReadOnlyMemory() throws {
        try TestServer.run { server in
            let scene = try Scene(server)
            let victim = scene.victim
            let buffer = try victim.makeBuffer(bytes: 4096)
            let readOnly = try victim.process.mapGpuVirtualAddress(
                pagingQueue: victim.pagingQueue.handle, allocation: buffer.allocation, sizeInPages: 1, protection: [])
            try victim.run { $0.write(1 as UInt64, to: readOnly.address) }
            try scene.checkLost(.errorDmaPageFault)
            #expect(try buffer.memory.loadUInt64(at: 0) == 0)
            try scene.checkBystanders()
        }
    }

    @Test func hangIsTimedOut() throws {
        try TestServer.run(["--timeout", "200"]) { server in
            let scene = try Scene(server)
            var buffer = CommandBuffer()
            buffer.hang()
            let value = try scene.victim.start(buffer)
            try scene.checkBystanders()
            try scene.victim.finish(value)
            try scene.checkLost(.hung)
            try scene.checkBystanders()
            try scene.checkNextDevice()
        }
    }

    /// A device that wants no timeout keeps its job while that of another one is ended.
    @Test func deviceWithoutTimeout() throws {
        try TestServer.run(["--timeout", "100"]) { server in
            let scene = try Scene(server, disablesTimeout: true)
            let gate = try GateKernel(on: scene.victim)
            var work = CommandBuffer()
            gate.append(to: &work)
            let value = try scene.victim.start(work)
            #expect(try Wait.until { try gate.isRunning })
            let machine = scene.victim.process.machine
            let other = try TestDevice(machine, id: 2)
            var hang = CommandBuffer()
            hang.hang()
            try other.finish(other.start(hang))
            #expect(try other.state == DeviceExecutionState.hung.rawValue)
            #expect(try scene.victim.state == DeviceExecutionState.active.rawValue)
            try gate.open()
            try scene.victim.finish(value)
            #expect(try scene.victim.fenceValue == value)
            try scene.checkBystanders()
        }
    }

    /// The worker of a process dies under its jobs: their devices are lost, the process goes on.
    @Test func killedWorker() throws {
        try TestServer.run { server in
            let machine = try GuestMachine.connect(to: server.endpoint)
            let victim = try TestDevice(machine, id: 1, disablesTimeout: true)
            let worker = try #require(server.workers.first)
            let idle = try TestDevice(victim.process)
            let memory = try idle.makeBuffer(bytes: 4096)
            try memory.memory.storeUInt64(77, at: 0)
            var buffer = CommandBuffer()
            let gate = try GateKernel(on: victim)
            gate.append(to: &buffer)
            let value = try victim.start(buffer)
            #expect(try Wait.until { try gate.isRunning })
            try ProcessControl.signal(9, process: worker)
            try victim.finish(value)
            #expect(try victim.state == DeviceExecutionState.hung.rawValue)
            #expect(try victim.fenceValue == .max)
            // The device beside it had no job: its memory and mappings are there, in a new process.
            let problem = try SaxpyProblem(on: idle)
            try idle.run {
                problem.append(to: &$0)
                $0.copy(from: memory.address, to: memory.address + 64, bytes: 8)
            }
            #expect(try problem.isRight())
            #expect(try memory.memory.loadUInt64(at: 64) == 77)
            #expect(try idle.state == DeviceExecutionState.active.rawValue)
            #expect(server.workers.count == 1 && server.workers.first != worker)
        }
    }
}
