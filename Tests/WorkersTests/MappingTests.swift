import CSoftGPU
import EventLoop
import Linux
import Testing
import WorkerProtocol

@testable import Workers

@Suite struct MappingTests {
    @Test func mapsAtBothEndsOfTheWindow() throws {
        let space = try AddressSpace()
        let last = SOFTGPU_VA_END - 0x1000
        space.map(last, 0x1000, offset: 0x1000)
        space.map(SOFTGPU_VA_START, 0x1000, offset: 0x2000)
        let outcome = try space.run { commands in
            commands.packet(SOFTGPU_WRITE64, last + 0xff8, 1)
            commands.packet(SOFTGPU_WRITE64, SOFTGPU_VA_START, 2)
        }
        #expect(outcome == .completed)
        #expect(try space.words(at: 0x1ff8, count: 2) == [1, 2])
    }

    /// Maps all of the window piece by piece: nothing of the worker is in it.
    @Test func hasTheWholeWindowForItself() throws {
        let space = try AddressSpace(mapped: false)
        let file = try SharedMemory(name: "large", bytes: 1 << 40)
        let index = try space.worker.addFile(
            WorkerFile(descriptor: file.descriptor.rawValue, bytes: file.bytes))
        var commands = Commands()
        var address = SOFTGPU_VA_START
        while address < SOFTGPU_VA_END {
            let length = min(1 << 40, SOFTGPU_VA_END - address)
            space.map(address, length, file: index)
            commands.packet(SOFTGPU_WRITE64, address, address)
            address += length
        }
        space.map(AddressSpace.base, 4 << 20)
        #expect(try space.run(commands) == .completed)
        #expect(space.failures.isEmpty)
    }

    @Test func mapsAndUnmapsAThousandTimes() throws {
        let space = try AddressSpace(bytes: 8 << 20)
        let place: UInt64 = 0x4000_0000_0000
        for round in 0..<2 {
            for index in 0..<1000 as Range<UInt64> {
                // Every other page, so that no two are one.
                space.map(place + index * 0x2000, 0x1000, offset: 0x40_0000 + (index * 0x1000))
            }
            #expect(space.worker.mappingCount == 1001)
            var commands = Commands()
            for index in 0..<1000 as Range<UInt64> {
                commands.packet(SOFTGPU_WRITE64, place + index * 0x2000, index + 1)
            }
            #expect(try space.run(commands) == .completed)
            #expect(try space.words(at: 0x40_0000 + 999 * 0x1000, count: 1) == [1000])
            for index in 0..<1000 as Range<UInt64> {
                space.worker.unmap(address: place + index * 0x2000, length: 0x1000)
            }
            space.synchronize()
            #expect(space.worker.mappingCount == 1)
            let gone = place + UInt64(round) * 0x2000
            #expect(
                try space.run { $0.packet(SOFTGPU_WRITE64, gone, 1) }
                    == .pageFault(address: gone, write: true, packetOffset: 0))
        }
        #expect(space.failures.isEmpty)
    }

    @Test func replacesPartsOfMappings() throws {
        let space = try AddressSpace()
        let other = try SharedMemory(name: "other", bytes: 0x4000)
        let file = try space.worker.addFile(WorkerFile(descriptor: other.descriptor.rawValue, bytes: 0x4000))
        try other.write(unsafe [UInt64(77)].span.bytes, at: 0x3000)
        space.map(AddressSpace.base + 0x5000, 0x1000, file: file, offset: 0x3000)
        let outcome = try space.run { commands in
            commands.copy(to: AddressSpace.base, from: AddressSpace.base + 0x5000, bytes: 8)
            commands.packet(SOFTGPU_WRITE64, AddressSpace.base + 0x4ff8, 1)
            commands.packet(SOFTGPU_WRITE64, AddressSpace.base + 0x6000, 2)
        }
        #expect(outcome == .completed)
        #expect(try space.words(at: 0, count: 1) == [77])
        #expect(try space.words(at: 0x4ff8, count: 2) == [1, 0])
        #expect(try space.words(at: 0x6000, count: 1) == [2])
    }

    @Test func reportsMappingsThatCannotBe() throws {
        let space = try AddressSpace()
        let bad: [GPUMapping] = [
            GPUMapping(address: 0x5_0000_0800, length: 0x1000, file: 0, offset: 0, access: .read),
            GPUMapping(address: 0x5_0000_0000, length: 0x1800, file: 0, offset: 0, access: .read),
            GPUMapping(address: 0x5_0000_0000, length: 0x1000, file: 0, offset: 8, access: .read),
            GPUMapping(address: 0x5_0000_0000, length: 0, file: 0, offset: 0, access: .read),
            GPUMapping(address: 0x1000, length: 0x1000, file: 0, offset: 0, access: .read),
            GPUMapping(address: SOFTGPU_VA_END - 0x1000, length: 0x2000, file: 0, offset: 0, access: .read),
            GPUMapping(address: .max - 0xfff, length: 0x1000, file: 0, offset: 0, access: .read),
            GPUMapping(address: 0x5_0000_0000, length: 0x1000, file: 1, offset: 0, access: .read),
            GPUMapping(address: 0x5_0000_0000, length: 0x1000, file: 0, offset: .max - 0xfff, access: .read),
        ]
        for mapping in bad { space.worker.map(mapping) }
        space.wait { space.failures.count == bad.count }
        #expect(space.failures == bad.map { .badMapping($0) })
        #expect(try space.run(Commands()) == .completed)
    }

    @Test func boundsTheNumberOfMappings() throws {
        let space = try AddressSpace { $0.maximumMappings = 3 }
        for index in 0..<4 as Range<UInt64> { space.map(0x5_0000_0000 + index * 0x2000, 0x1000) }
        space.wait { space.failures.count == 2 }
        #expect(space.worker.mappingCount == 3)
        guard case .tooManyMappings = space.failures[0], case .tooManyMappings = space.failures[1] else {
            Issue.record("\(space.failures)")
            return
        }
    }

    /// A worker that takes no orders is replaced by one that gets them all.
    @Test func replacesAWorkerThatFallsBehind() throws {
        let space = try AddressSpace { $0.maximumQueuedOrders = 100 }
        let process = space.waitForProcess()
        for index in 0..<200 as Range<UInt64> { space.map(0x5_0000_0000 + index * 0x2000, 0x1000, offset: 0x1000) }
        space.wait { !space.failures.isEmpty }
        #expect(space.failures == [.behind(orders: 101)])
        for index in 0..<140 as Range<UInt64> {
            space.worker.unmap(address: 0x5_0000_0000 + index * 0x2000, length: 0x1000)
        }
        let last: UInt64 = 0x5_0000_0000 + 199 * 0x2000
        #expect(try space.run { $0.packet(SOFTGPU_WRITE64, last, 3) } == .completed)
        #expect(try space.words(at: 0x1000, count: 1) == [3])
        #expect(space.worker.processID != process)
    }

    @Test func readsCodeAcrossMappings() throws {
        let space = try AddressSpace()
        let elf = try Toolchain.codeObject("count_groups")
        let place: UInt64 = 0x5_0000_0000
        // The file's pages in reverse order.
        let pages = UInt64(elf.count + 0xfff) / 0x1000
        for page in 0..<pages {
            let bytes = elf[Int(page * 0x1000)..<min(elf.count, Int(page * 0x1000) + 0x1000)]
            let offset = 0x20_0000 + (pages - 1 - page) * 0x1000
            try space.write(Array(bytes), at: offset)
            space.map(place + page * 0x1000, 0x1000, offset: offset)
        }
        try space.write([AddressSpace.base], at: AddressSpace.argumentsOffset)
        let dispatch = Dispatch(
            code: place, size: UInt64(elf.count), arguments: AddressSpace.base + AddressSpace.argumentsOffset)
        #expect(try space.run { $0.dispatch(dispatch) } == .completed)
        #expect(try space.halfWords(at: 0, count: 1) == [1])
    }
}
