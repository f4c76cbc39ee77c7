import Testing
import VMBus

/// The rules of docs/protocol/vmbus.md 1.7 to 1.10, one at a time.
struct RingTests {
    private func makeRing(pages: Int = 2) throws -> (RingMemory, RingWriter, RingReader) {
        let memory = RingMemory(pages: pages)
        return (memory, try RingWriter(memory.bytes), try RingReader(memory.bytes))
    }

    @Test func `A packet arrives as it was sent, followed in the ring by where it began`() throws {
        var (memory, writer, reader) = try makeRing()
        let packets = [makePacket(1, bytes: 24), makePacket(2, bytes: 16), makePacket(3, bytes: 2000)]
        for packet in packets { #expect(try writer.write(packet)) }
        #expect(try reader.nextPacket() == nil)
        _ = try writer.publish()
        for packet in packets { #expect(try reader.nextPacket() == packet) }
        #expect(try reader.nextPacket() == nil)
        #expect(memory[.writeIndex] == 24 + 16 + 2000 + 3 * 8)
        #expect(memory.data(at: 24, count: 8) == [0, 0, 0, 0, 0, 0, 0, 0])
        #expect(memory.data(at: 48, count: 8) == [0, 0, 0, 0, 32, 0, 0, 0])
        #expect(memory.data(at: 2056, count: 8) == [0, 0, 0, 0, 56, 0, 0, 0])
    }

    @Test func `Packets go around the end of the data`() throws {
        var (_, writer, reader) = try makeRing()
        for number in 0..<500 {
            let packet = makePacket(number, bytes: 16 + 8 * (number * 37 % 400))
            #expect(try writer.write(packet))
            _ = try writer.publish()
            #expect(try reader.nextPacket() == packet)
            #expect(try !reader.release())
        }
    }

    @Test func `A ring takes all but eight of its bytes`() throws {
        var (memory, writer, reader) = try makeRing()
        #expect(try writer.write(makePacket(1, bytes: memory.dataSize - 16)))
        #expect(try !writer.write(makePacket(2, bytes: 16)))
        _ = try writer.publish()
        #expect(try reader.nextPacket() == makePacket(1, bytes: memory.dataSize - 16))
        #expect(try !writer.write(makePacket(2, bytes: 16)))
        _ = try reader.release()
        #expect(try writer.write(makePacket(2, bytes: 16)))
    }

    @Test func `A packet that fits no such ring is refused`() throws {
        var (memory, writer, _) = try makeRing()
        let size = memory.dataSize
        #expect(throws: RingViolation.packetTooLong(bytes: size - 8, dataSize: size)) {
            try writer.write(makePacket(1, bytes: size - 8))
        }
        #expect(memory[.writeIndex] == 0)
    }

    // MARK: Signals for data

    @Test func `A writer signals when the ring was empty, and only then`() throws {
        var (_, writer, reader) = try makeRing()
        #expect(try !writer.publish())
        _ = try writer.write(makePacket(1, bytes: 24))
        _ = try writer.write(makePacket(2, bytes: 24))
        #expect(try writer.publish())
        _ = try writer.write(makePacket(3, bytes: 24))
        #expect(try !writer.publish())
        for _ in 1...3 { _ = try reader.nextPacket() }
        // The reader has not told of it yet.
        _ = try writer.write(makePacket(4, bytes: 24))
        #expect(try !writer.publish())
        _ = try reader.nextPacket()
        _ = try reader.release()
        _ = try writer.write(makePacket(5, bytes: 24))
        #expect(try writer.publish())
    }

    @Test func `A reader that masked signals finds what came meanwhile`() throws {
        var (memory, writer, reader) = try makeRing()
        reader.mask()
        #expect(memory[.interruptMask] == 1)
        _ = try writer.write(makePacket(1, bytes: 24))
        #expect(try !writer.publish())
        #expect(try reader.unmask())
        #expect(memory[.interruptMask] == 0)
        #expect(try reader.nextPacket() == makePacket(1, bytes: 24))
        _ = try reader.release()
        #expect(try !reader.unmask())
        _ = try writer.write(makePacket(2, bytes: 24))
        #expect(try writer.publish())
    }

    // MARK: Signals for room

    @Test func `A reader signals when there comes to be more room than the writer waits for`() throws {
        var (memory, writer, reader) = try makeRing()
        // Four packets of 1000 and their trailers leave 64 bytes.
        for number in 1...4 { #expect(try writer.write(makePacket(number, bytes: 1000))) }
        _ = try writer.publish()
        #expect(try !writer.write(makePacket(5, bytes: 1992)))
        #expect(try !writer.awaitRoom(forPacketOf: 1992))
        #expect(memory[.pendingSendSize] == 2000)
        _ = try reader.nextPacket()
        #expect(try !reader.release())
        _ = try reader.nextPacket()
        #expect(try reader.release())
        _ = try reader.nextPacket()
        #expect(try !reader.release())
        #expect(try writer.write(makePacket(5, bytes: 1992)))
        writer.roomFound()
        #expect(memory[.pendingSendSize] == 0)
    }

    @Test func `Room that came before the writer asked needs no signal`() throws {
        var (_, writer, reader) = try makeRing()
        _ = try writer.write(makePacket(1, bytes: 4000))
        _ = try writer.publish()
        #expect(try !writer.write(makePacket(2, bytes: 1000)))
        _ = try reader.nextPacket()
        #expect(try !reader.release())
        #expect(try writer.awaitRoom(forPacketOf: 1000))
    }

    @Test func `A wish for the whole ring is one for all but its last bytes`() throws {
        var (memory, writer, reader) = try makeRing()
        _ = try writer.write(makePacket(1, bytes: 24))
        _ = try writer.publish()
        memory[.pendingSendSize] = UInt32(memory.dataSize - 1)
        _ = try reader.nextPacket()
        #expect(try reader.release())
    }

    @Test func `A wish counts only from a writer with the feature`() throws {
        var (memory, writer, reader) = try makeRing()
        _ = try writer.write(makePacket(1, bytes: 4000))
        _ = try writer.publish()
        memory[.pendingSendSize] = 1000
        memory[.featureBits] = 0
        _ = try reader.nextPacket()
        #expect(try !reader.release())
    }

    // MARK: Peers that mean ill

    static let badIndices: [UInt32] = [1, 4, 4092, 4096, 4104, 0x8000_0000, .max - 7, .max]

    @Test(arguments: badIndices)
    func `An index outside of the data is found by both ends, and when they begin`(index: UInt32) throws {
        var (memory, writer, reader) = try makeRing()
        memory[.writeIndex] = index
        #expect(throws: RingViolation.badWriteIndex(index, dataSize: 4096)) { try reader.nextPacket() }
        #expect(throws: RingViolation.badWriteIndex(index, dataSize: 4096)) { try reader.unmask() }
        #expect(throws: RingViolation.badWriteIndex(index, dataSize: 4096)) { try RingReader(memory.bytes) }
        #expect(throws: RingViolation.badWriteIndex(index, dataSize: 4096)) { try RingWriter(memory.bytes) }
        memory[.writeIndex] = 0
        memory[.readIndex] = index
        _ = try writer.write(makePacket(1, bytes: 16))
        #expect(throws: RingViolation.badReadIndex(index, dataSize: 4096)) { try writer.publish() }
        #expect(throws: RingViolation.badReadIndex(index, dataSize: 4096)) { try writer.awaitRoom(forPacketOf: 16) }
        #expect(throws: RingViolation.badReadIndex(index, dataSize: 4096)) {
            try writer.write(makePacket(2, bytes: 4000)) && writer.write(makePacket(3, bytes: 4000))
        }
    }

    @Test func `What the peer makes of an end's own index does not matter`() throws {
        var (memory, writer, reader) = try makeRing()
        _ = try writer.write(makePacket(1, bytes: 24))
        memory[.writeIndex] = 4000
        _ = try writer.publish()
        memory[.readIndex] = 77
        #expect(try reader.nextPacket() == makePacket(1, bytes: 24))
        _ = try reader.release()
        #expect(memory[.readIndex] == 32)
    }

    /// Descriptors, as eight bytes before the transaction id, in a ring that holds 64 bytes.
    static let badDescriptors: [(bytes: [UInt8], error: RingViolation)] = [
        ([0, 0, 2, 0, 3, 0, 0, 0], .packet(.unknownType(0))),
        ([9, 0, 2, 0, 3, 0, 0, 0], .packet(.unsupportedType(.gpaDirect))),
        ([6, 0, 2, 0, 3, 0, 2, 0], .packet(.unknownFlags(2))),
        ([6, 0, 1, 0, 3, 0, 0, 0], .packet(.badDataOffset(offset: 8, length: 24))),
        ([6, 0, 4, 0, 3, 0, 0, 0], .packet(.badDataOffset(offset: 32, length: 24))),
        ([6, 0, 2, 0, 0, 0, 0, 0], .packet(.badDataOffset(offset: 16, length: 0))),
        ([6, 0, 2, 0, 8, 0, 0, 0], .packet(.lengthMismatch(described: 64, have: 56))),
        ([6, 0, 2, 0, 255, 255, 0, 0], .packet(.lengthMismatch(described: 524_280, have: 56))),
    ]

    @Test(arguments: badDescriptors)
    func `A descriptor that makes no sense is refused with the numbers`(
        bytes: [UInt8], error: RingViolation
    ) throws {
        var (memory, _, reader) = try makeRing()
        memory.setData(bytes, at: 0)
        memory[.writeIndex] = 64
        #expect(throws: error) { try reader.nextPacket() }
    }

    @Test(arguments: [8, 16])
    func `Fewer bytes than a packet has are none`(bytes: UInt32) throws {
        var (memory, _, reader) = try makeRing()
        memory[.writeIndex] = bytes
        #expect(throws: RingViolation.fragment(bytes: Int(bytes))) { try reader.nextPacket() }
    }

    @Test(arguments: 0..<200)
    func `Of a ring full of noise only whole packets are taken`(seed: UInt64) throws {
        var chance = SeededGenerator(seed: seed)
        let memory = RingMemory(pages: 3)
        memory.setData((0..<memory.dataSize).map { _ in UInt8(truncatingIfNeeded: chance.next()) }, at: 0)
        // Places that look like packets, so that some are.
        for _ in 0..<40 {
            let place = Int(chance.next() % UInt64(memory.dataSize / 8 - 4)) * 8
            memory.setData([6, 0, 2, 0, UInt8(chance.next() % 40), 0, UInt8(chance.next() % 3), 0], at: place)
        }
        memory[.readIndex] = UInt32(chance.next() % UInt64(memory.dataSize / 8)) * 8
        memory[.pendingSendSize] = UInt32(truncatingIfNeeded: chance.next())
        memory[.featureBits] = UInt32(truncatingIfNeeded: chance.next())
        var reader = try RingReader(memory.bytes)
        for _ in 0..<100 {
            memory[.writeIndex] = UInt32(chance.next() % UInt64(memory.dataSize / 4)) * 4
            do throws(RingViolation) {
                while let packet = try reader.nextPacket() {
                    #expect(packet.count >= 16 && packet.count % 8 == 0 && packet.count <= memory.dataSize - 8)
                    _ = try reader.release()
                }
            } catch {
                continue
            }
        }
    }
}
