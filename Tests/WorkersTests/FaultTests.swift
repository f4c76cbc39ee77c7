import CSoftGPU
import Glibc
import Linux
import Testing
import WorkerProtocol

@testable import Workers

@Suite struct FaultTests {
    private static let unmapped: UInt64 = 0x1234_5678_9000

    /// The address space is as good as new after a fault.
    private func expectSound(_ space: AddressSpace) throws {
        #expect(try space.run { $0.packet(SOFTGPU_WRITE64, AddressSpace.base + 0x8000, 99) } == .completed)
        #expect(try space.words(at: 0x8000, count: 1) == [99])
        #expect(space.failures.isEmpty)
    }

    @Test(arguments: [false, true])
    func reportsAPacketsPageFault(write: Bool) throws {
        let space = try AddressSpace()
        let outcome = try space.run { commands in
            commands.packet(SOFTGPU_WRITE32, AddressSpace.base, 7)
            commands.packet(SOFTGPU_FAULT, FaultTests.unmapped, write ? 1 : 0)
            commands.packet(SOFTGPU_WRITE32, AddressSpace.base, 8)
        }
        #expect(outcome == .pageFault(address: FaultTests.unmapped, write: write, packetOffset: 24))
        #expect(try space.halfWords(at: 0, count: 1) == [7])
        try expectSound(space)
    }

    @Test(arguments: [("read_at", false), ("write_at", true), ("call_at", false)])
    func reportsAKernelsPageFault(kernel: String, write: Bool) throws {
        let space = try AddressSpace()
        let outcome = try space.run(kernel, pointer: FaultTests.unmapped)
        #expect(outcome == .pageFault(address: FaultTests.unmapped, write: write, packetOffset: 0))
        try expectSound(space)
    }

    @Test(arguments: ["read_at", "write_at", "call_at"])
    func knowsNoAddressOfANonCanonicalOne(kernel: String) throws {
        let space = try AddressSpace()
        let outcome = try space.run(kernel, pointer: 0xdead_beef_dead_beef)
        #expect(outcome == .pageFault(address: nil, write: false, packetOffset: 0))
        try expectSound(space)
    }

    @Test func neverExecutesGPUMemory() throws {
        let space = try AddressSpace()
        // ret
        try space.write([UInt8](repeating: 0xc3, count: 16), at: 0x4000)
        let outcome = try space.run("call_at", pointer: AddressSpace.base + 0x4000)
        #expect(outcome == .pageFault(address: AddressSpace.base + 0x4000, write: false, packetOffset: 0))
        try expectSound(space)
    }

    @Test func protectsReadOnlyMappings() throws {
        let space = try AddressSpace()
        let place: UInt64 = 0x5_0000_0000
        space.map(place, 0x2000, offset: 0x1000, access: .read)
        try space.write([UInt64(5)], at: 0x1000)
        #expect(try space.run { $0.copy(to: AddressSpace.base, from: place, bytes: 8) } == .completed)
        #expect(try space.words(at: 0, count: 1) == [5])
        #expect(
            try space.run { $0.packet(SOFTGPU_WRITE64, place + 8, 1) }
                == .pageFault(address: place + 8, write: true, packetOffset: 0))
        #expect(
            try space.run { $0.fill(place + 0x1000, bytes: 0x1000, pattern: 1) }
                == .pageFault(address: place + 0x1000, write: true, packetOffset: 0))
        #expect(try space.words(at: 0x1008, count: 1) == [0])
        try expectSound(space)
    }

    @Test func reportsAFaultInALargeCopy() throws {
        let space = try AddressSpace(bytes: 16 << 20, lanes: 3)
        let hole = AddressSpace.base + (6 << 20)
        space.worker.unmap(address: hole, length: 0x1000)
        #expect(
            try space.run {
                $0.copy(to: AddressSpace.base + (8 << 20), from: AddressSpace.base + (4 << 20), bytes: 4 << 20)
            }
                == .pageFault(address: hole, write: false, packetOffset: 0))
        try expectSound(space)
    }

    @Test func reportsAFaultInTheCommandBuffer() throws {
        let space = try AddressSpace()
        let place: UInt64 = 0x5_0000_0000
        space.map(place, 0x1000, offset: 0)
        var commands = Commands()
        // A page of packets, of which the last reaches beyond it.
        commands.packet(SOFTGPU_NOP, size: 4080)
        try space.write([UInt16(0), 0, 4072, 0], at: 0)
        try space.memory.write(unsafe commands.bytes.span.bytes, at: 0)
        try space.write([UInt16(4), 0, 24, 0], at: 4080)
        space.worker.run(WorkerJob(id: 77, engine: 0, commandBuffer: place, length: 0x2000))
        #expect(space.finish(77) == .pageFault(address: place + 0x1000, write: false, packetOffset: 4080))
        space.worker.run(WorkerJob(id: 78, engine: 0, commandBuffer: 0x6_0000_0000, length: 8))
        #expect(space.finish(78) == .pageFault(address: 0x6_0000_0000, write: false, packetOffset: 0))
        try expectSound(space)
    }

    @Test func reportsMemoryBeyondTheEndOfItsFile() throws {
        let space = try AddressSpace()
        let place: UInt64 = 0x5_0000_0000
        space.map(place, 0x1000, offset: space.memory.bytes)
        #expect(
            try space.run { $0.packet(SOFTGPU_WRITE64, place, 1) }
                == .pageFault(address: place, write: true, packetOffset: 0))
        try expectSound(space)
    }

    @Test(arguments: [("trap", ProcessorFault.Kind.illegalInstruction), ("divide", .arithmetic)])
    func reportsOtherFaults(kernel: String, kind: ProcessorFault.Kind) throws {
        let space = try AddressSpace()
        let outcome = try space.run(kernel, pointer: AddressSpace.base)
        guard case .faulted(packetOffset: 0, let fault) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(fault.kind == kind)
        #expect(Channel.codeWindow.contains(fault.address))
        try expectSound(space)
    }

    @Test(arguments: [Int64(39), 57, 59, 10, 2, 56, 435, 321, 1_000_000])
    func endsAKernelThatMakesASystemCall(number: Int64) throws {
        // getpid, fork, execve, mprotect, open, clone, clone3, bpf, none
        let space = try AddressSpace()
        try space.write([number, 0, 0, 0, 0, 0, 0, 0], at: 0)
        let outcome = try space.run("system_call", pointer: AddressSpace.base)
        guard case .faulted(packetOffset: 0, let fault) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(fault.kind == .systemCall)
        #expect(fault.code == Int32(number))
        try expectSound(space)
    }

    @Test func reportsAStackOverflow() throws {
        let space = try AddressSpace()
        for _ in 0..<3 {
            let outcome = try space.run("recurse", pointer: 0)
            guard case .faulted(packetOffset: 0, let fault) = outcome else {
                Issue.record("\(String(describing: outcome))")
                return
            }
            #expect(fault.kind == .stackOverflow)
        }
        try expectSound(space)
    }

    @Test func endsAllGroupsWhenOneFaults() throws {
        let space = try AddressSpace(lanes: 4)
        #expect(
            try space.run("fault_in_one", pointer: 0, groups: 4)
                == .pageFault(address: FaultTests.unmapped, write: true, packetOffset: 0))
        try expectSound(space)
    }

    @Test func leavesOtherEnginesAlone() throws {
        let space = try AddressSpace(lanes: 2, engines: 2)
        var commands = Commands()
        commands.dispatch(try space.dispatch("meet", pointer: AddressSpace.base))
        let waiting = try space.start(commands)
        for _ in 0..<20 {
            var fault = Commands()
            fault.packet(SOFTGPU_FAULT, FaultTests.unmapped, 1)
            #expect(
                try space.run(fault, engine: 1)
                    == .pageFault(address: FaultTests.unmapped, write: true, packetOffset: 0))
        }
        var release = Commands()
        release.packet(SOFTGPU_WRITE32, AddressSpace.base + 4, 1)
        #expect(try space.run(release, engine: 1) == .completed)
        #expect(space.finish(waiting) == .completed)
        #expect(space.failures.isEmpty)
    }
}
