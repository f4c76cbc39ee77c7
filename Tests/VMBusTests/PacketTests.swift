import Testing
import VMBus

struct PacketTests {
    /// Reads a packet and returns its header and the bytes of its data.
    private func open(_ bytes: [UInt8]) throws(PacketError) -> (PacketHeader, [UInt8]) {
        let packet = try Packet(unsafe bytes.span.bytes)
        let payload = packet.payload
        let data = unsafe payload.withUnsafeBytes { buffer in unsafe [UInt8](buffer) }
        return (packet.header, data)
    }

    private func descriptor(
        type: UInt16 = 6, dataOffset8: UInt16 = 2, length8: UInt16 = 3, flags: UInt16 = 1, transactionID: UInt64 = 9
    ) -> [UInt8] {
        [type, dataOffset8, length8, flags].flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }
            + (0..<8).map { UInt8(truncatingIfNeeded: transactionID >> (8 * $0)) }
    }

    @Test(arguments: 0...17)
    func `A sealed packet reads back, padded with zeros`(length: Int) throws {
        let payload = (0..<length).map { UInt8($0 + 1) }
        var bytes = [UInt8](repeating: 0xee, count: PacketHeader.size) + payload
        try Packet.seal(&bytes, type: .inBandData, transactionID: 0x0102_0304_0506_0708, requestCompletion: true)
        #expect(bytes.count % 8 == 0)
        let (header, data) = try open(bytes)
        #expect(header.type == .inBandData)
        #expect(header.requestsCompletion)
        #expect(header.transactionID == 0x0102_0304_0506_0708)
        #expect(header.dataOffset == 16)
        #expect(header.length == bytes.count)
        #expect(data == payload + [UInt8](repeating: 0, count: data.count - length))
        #expect(
            try Packet.encode(
                type: .inBandData, payload: unsafe payload.span.bytes, transactionID: 0x0102_0304_0506_0708,
                requestCompletion: true) == bytes)
    }

    @Test func `A completion has the descriptor that the driver expects`() throws {
        var bytes = [UInt8](repeating: 0, count: PacketHeader.size) + [1, 2, 3, 4]
        try Packet.seal(&bytes, type: .completion, transactionID: 1)
        #expect(bytes == [0x0b, 0, 2, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0])
        let (header, _) = try open(bytes)
        #expect(!header.requestsCompletion)
    }

    @Test func `The transaction id of plain data asks for nothing`() throws {
        let (header, _) = try open(descriptor(length8: 2, flags: 0))
        #expect(!header.requestsCompletion)
    }

    @Test func `Data may begin behind more than the descriptor`() throws {
        let (header, data) = try open(descriptor(dataOffset8: 3, length8: 4) + [UInt8](1...16))
        #expect(header.dataOffset == 24)
        #expect(data == [UInt8](9...16))
    }

    @Test func `Bad descriptors are refused with the numbers`() {
        let body = [UInt8](repeating: 0, count: 8)
        let cases: [(bytes: [UInt8], error: PacketError)] = [
            (Array(descriptor().prefix(15)), .truncated(needed: 16, have: 15)),
            ([], .truncated(needed: 16, have: 0)),
            (descriptor(dataOffset8: 1) + body, .badDataOffset(offset: 8, length: 24)),
            (descriptor(dataOffset8: 4) + body, .badDataOffset(offset: 32, length: 24)),
            (descriptor(length8: 1) + body, .badDataOffset(offset: 16, length: 8)),
            (descriptor(length8: 4) + body, .lengthMismatch(described: 32, have: 24)),
            (descriptor(length8: 2) + body, .lengthMismatch(described: 16, have: 24)),
            (descriptor(length8: .max) + body, .lengthMismatch(described: 524_280, have: 24)),
            (descriptor(type: 0) + body, .unknownType(0)),
            (descriptor(type: 14) + body, .unknownType(14)),
            (descriptor(type: 7) + body, .unsupportedType(.transferPages)),
            (descriptor(type: 9) + body, .unsupportedType(.gpaDirect)),
            (descriptor(type: 10) + body, .unsupportedType(.cancel)),
            (descriptor(flags: 2) + body, .unknownFlags(2)),
            (descriptor(flags: 0x8001) + body, .unknownFlags(0x8001)),
        ]
        for (bytes, error) in cases {
            #expect(throws: error) { try open(bytes) }
        }
    }

    @Test(arguments: PacketType.allCases)
    func `Only data and completions are served`(type: PacketType) {
        let bytes = descriptor(type: type.rawValue) + [UInt8](repeating: 0, count: 8)
        let isRead = (try? open(bytes)) != nil
        #expect(isRead == [.inBandData, .completion].contains(type))
    }

    @Test func `A ring may hold more than the packet`() throws {
        let bytes = descriptor(length8: 3)
        let header = try PacketHeader(decoding: unsafe bytes.span.bytes, available: 4096)
        #expect(header.length == 24)
        #expect(throws: PacketError.lengthMismatch(described: 24, have: 23)) {
            try PacketHeader(decoding: unsafe bytes.span.bytes, available: 23)
        }
    }

    @Test func `No packet is longer than its receiver reads`() throws {
        var most = [UInt8](repeating: 0, count: PacketHeader.maximumHostPacketSize)
        try Packet.seal(&most, type: .completion, transactionID: 0)
        #expect(most.count == 131_072)
        var more = [UInt8](repeating: 0, count: PacketHeader.maximumHostPacketSize + 1)
        #expect(throws: PacketError.tooLong(limit: 131_072, have: 131_080)) {
            try Packet.seal(&more, type: .completion, transactionID: 0)
        }
        try Packet.seal(&more, type: .inBandData, transactionID: 0, limit: PacketHeader.maximumPacketSize)
        var tooMuch = [UInt8](repeating: 0, count: PacketHeader.maximumPacketSize + 1)
        #expect(throws: PacketError.tooLong(limit: 524_280, have: 524_288)) {
            try Packet.seal(&tooMuch, type: .inBandData, transactionID: 0, limit: .max)
        }
    }
}
