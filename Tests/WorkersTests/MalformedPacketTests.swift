import CSoftGPU
import Testing
import WorkerProtocol

@testable import Workers

@Suite struct MalformedPacketTests {
    struct Case: Sendable {
        var opcode: softgpu_opcode
        var flags: UInt16 = 0
        var size: UInt32?
        var words: [UInt64] = []
        var reason: CommandError.Reason
        var value: UInt64

        init(
            _ opcode: softgpu_opcode, _ words: [UInt64] = [], flags: UInt16 = 0, size: UInt32? = nil,
            _ reason: CommandError.Reason, _ value: UInt64
        ) {
            self.opcode = opcode
            self.words = words
            self.flags = flags
            self.size = size
            self.reason = reason
            self.value = value
        }
    }

    private static let page = AddressSpace.base
    private static let plain: [UInt64] = [page, 64, 0, 0, 0x1_0000_0001, 0x1_0000_0001, 0x1_0000_0001, 0]

    private static func dispatch(_ index: Int, _ value: UInt64) -> [UInt64] {
        var words = plain
        words[index] = value
        return words
    }

    static let cases: [Case] = [
        Case(softgpu_opcode(8), [], .unknownOpcode, 8),
        Case(softgpu_opcode(0xffff), [], .unknownOpcode, 0xffff),
        Case(SOFTGPU_NOP, flags: 1, .reservedFlags, 1),
        Case(SOFTGPU_NOP, size: 0, .badSize, 0),
        Case(SOFTGPU_NOP, size: 7, .badSize, 7),
        Case(SOFTGPU_NOP, size: 12, .badSize, 12),
        Case(SOFTGPU_NOP, size: 0xffff_fff8, .truncatedPacket, 8),
        Case(SOFTGPU_HANG, [0], .badSize, 16),
        Case(SOFTGPU_COPY, [page, page], .badSize, 24),
        Case(SOFTGPU_COPY, [page, page], size: 32, .truncatedPacket, 24),
        Case(SOFTGPU_COPY, [page, .max, 2], .rangeOverflow, .max),
        Case(SOFTGPU_COPY, [.max - 7, page, 9], .rangeOverflow, .max - 7),
        Case(SOFTGPU_FILL, [page + 2, 8, 0], .misalignedAddress, page + 2),
        Case(SOFTGPU_FILL, [page, 6, 0], .misalignedCount, 6),
        Case(SOFTGPU_FILL, [page, 8, 1 << 32], .reservedField, 1),
        Case(SOFTGPU_WRITE32, [page + 2, 1], .misalignedAddress, page + 2),
        Case(SOFTGPU_WRITE64, [page + 4, 1], .misalignedAddress, page + 4),
        Case(SOFTGPU_TIMESTAMP, [page + 4], .misalignedAddress, page + 4),
        Case(SOFTGPU_FAULT, [page, 2], .badBoolean, 2),
        Case(SOFTGPU_FAULT, [page, 1 << 32], .reservedField, 1),
        Case(SOFTGPU_DISPATCH, Array(plain.dropLast()), .badSize, 64),
        Case(SOFTGPU_DISPATCH, dispatch(0, page + 4), .misalignedAddress, page + 4),
        Case(SOFTGPU_DISPATCH, dispatch(1, 0), .badCodeSize, 0),
        Case(SOFTGPU_DISPATCH, dispatch(1, 0x100_0001), .badCodeSize, 0x100_0001),
        Case(SOFTGPU_DISPATCH, dispatch(0, 0xffff_ffff_ffff_fff8), .rangeOverflow, 0xffff_ffff_ffff_fff8),
        Case(SOFTGPU_DISPATCH, dispatch(5, 0x1), .emptyGroup, 0),
        Case(SOFTGPU_DISPATCH, dispatch(6, 0x1_0000_0000), .emptyGroup, 1),
        Case(SOFTGPU_DISPATCH, dispatch(6, 0x1), .emptyGroup, 2),
        Case(SOFTGPU_DISPATCH, dispatch(7, 0x4_0001), .groupMemoryTooLarge, 0x4_0001),
        Case(SOFTGPU_DISPATCH, dispatch(7, 1 << 32), .reservedField, 1),
    ]

    @Test func refusesEachWithItsPlaceAndReason() throws {
        let space = try AddressSpace()
        for test in MalformedPacketTests.cases {
            var commands = Commands()
            commands.packet(SOFTGPU_WRITE64, AddressSpace.base + 8, 1)
            commands.packet(SOFTGPU_NOP, size: 16, 0)
            commands.raw(
                opcode: UInt16(test.opcode.rawValue), flags: test.flags,
                size: test.size ?? UInt32(8 + test.words.count * 8), test.words)
            let outcome = try space.run(commands)
            let error = CommandError(test.reason, value: test.value)
            #expect(outcome == .invalidCommand(packetOffset: 40, reason: .packet(error)), "\(test)")
        }
        #expect(space.failures.isEmpty)
    }

    @Test func refusesAGridWithoutEnd() throws {
        let space = try AddressSpace()
        var dispatch = try space.dispatch("count_groups", pointer: AddressSpace.base)
        dispatch.groups = (.max, .max, .max)
        let outcome = try space.run { $0.dispatch(dispatch) }
        guard case .invalidCommand(packetOffset: 0, reason: .packet(let error)) = outcome else {
            Issue.record("not refused")
            return
        }
        #expect(error.reason == .gridTooLarge)
    }

    @Test(arguments: [(UInt64(4), UInt64(8), UInt64(4)), (0, 12, 12)])
    func refusesAMisplacedBuffer(offset: UInt64, length: UInt64, value: UInt64) throws {
        let space = try AddressSpace()
        let address = AddressSpace.base + offset
        space.worker.run(WorkerJob(id: 1, engine: 0, commandBuffer: address, length: length))
        let expected = CommandError(.misalignedBuffer, value: offset == 0 ? value : address)
        #expect(space.finish(1) == .invalidCommand(packetOffset: 0, reason: .packet(expected)))
    }
}
