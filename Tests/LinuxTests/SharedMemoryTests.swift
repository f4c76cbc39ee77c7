import Glibc
import Linux
import Testing

@Suite struct SharedMemoryTests {
    @Test func bothWaysOfAccessSeeTheSameBytes() throws {
        let memory = try SharedMemory(name: "test", bytes: 16384)
        let mapping = try memory.map(4096..<16384)
        try memory.write([1, 2, 3, 4], at: 4096 + 8)
        #expect(mapping.read(at: 8, count: 4) == [1, 2, 3, 4])
        mapping.storeUInt64(0x1122_3344_5566_7788, at: 16)
        #expect(try memory.read(at: 4096 + 16, count: 8) == [0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11])
        #expect(mapping.loadUInt64(at: 16) == 0x1122_3344_5566_7788)
        mapping.write([9, 8], at: 12286)
        #expect(try memory.read(at: 16382, count: 2) == [9, 8])
    }

    @Test func aHoleReadsAsZeros() throws {
        let memory = try SharedMemory(name: "test", bytes: 3 * 4096)
        try memory.write([UInt8](repeating: 7, count: 3 * 4096), at: 0)
        try memory.punchHole(4096..<8192)
        #expect(try memory.read(at: 4095, count: 2) == [7, 0])
        #expect(try memory.read(at: 8191, count: 2) == [0, 7])
        try memory.punchHole(0..<0)
    }

    @Test func refusesWhatIsOutside() throws {
        let memory = try SharedMemory(name: "test", bytes: 4096)
        func code(_ body: () throws(SystemError) -> Void) -> Int32 {
            do throws(SystemError) { try body() } catch { return error.code }
            return 0
        }
        #expect(code { () throws(SystemError) in _ = try memory.read(at: 4090, count: 7) } == ENXIO)
        #expect(code { () throws(SystemError) in _ = try memory.read(at: .max - 2, count: 7) } == EOVERFLOW)
        #expect(code { () throws(SystemError) in try memory.write([1, 2], at: 4095) } == ENXIO)
        #expect(code { () throws(SystemError) in try memory.write([1], at: .max) } == ENXIO)
        #expect(code { () throws(SystemError) in _ = try memory.map(0..<8192) } == ENXIO)
        #expect(code { () throws(SystemError) in _ = try memory.map(100..<4096) } == EINVAL)
        #expect(code { () throws(SystemError) in _ = try memory.map(0..<0) } == EINVAL)
    }

    @Test func theSizeIsFinalUnlessAskedOtherwise() throws {
        let fixed = try SharedMemory(name: "test", bytes: 4096)
        #expect(try fixed.seals().isSuperset(of: .fixedSize))
        #expect(ftruncate(fixed.descriptor.rawValue, 0) == -1)
        #expect(throws: SystemError.self) { try fixed.seal(.write) }

        let later = try SharedMemory(name: "test", bytes: 4096, seals: [])
        try later.write([5], at: 0)
        try later.seal(.immutable)
        let error = #expect(throws: SystemError.self) { try later.write([6], at: 0) }
        #expect(error?.code == EPERM)
        #expect(try later.read(at: 0, count: 1) == [5])
    }

    @Test func adoptsOnlyFiles() throws {
        let memory = try SharedMemory(name: "test", bytes: 8192)
        #expect(try SharedMemory(adopting: memory.descriptor.duplicate()).bytes == 8192)
        let event = try EventDescriptor()
        #expect(throws: SystemError.self) { try SharedMemory(adopting: event.descriptor.duplicate()) }
    }

    @Test func anAccessOutsideAMappingStopsTheProgram() async {
        await #expect(processExitsWith: .failure) {
            let mapping = try SharedMemory(name: "test", bytes: 4096).map()
            _ = mapping.loadUInt64(at: 4092)
        }
    }
}
