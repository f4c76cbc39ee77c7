import Carriers
import Guest
import Linux
import Testing

/// Frames of every type, length and state of the connection.
@Suite struct FrameStormTests {
    /// A frame from its parts, however wrong.
    private static func frame(
        _ type: UInt16, length: UInt32, flags: UInt16 = 0, relid: UInt32 = 0, tag: UInt32 = 0, payload: [UInt8] = []
    ) -> [UInt8] {
        [length].littleEndianBytes + [type, flags].littleEndianBytes + [relid, tag].littleEndianBytes + payload
    }

    /// Every type with every length up to a little more than its fields, before and after HELLO.
    @Test func everyTypeAndLength() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 1)
            for type in 0...26 as ClosedRange<UInt16> {
                let fields = FrameType(rawValue: type)?.minimumPayloadBytes ?? 8
                for length in 0...fields + 9 {
                    let (connection, reader) = try storm.admittedConnection()
                    let isSmall = chance.isOne(in: 2)
                    let payload = isSmall ? (0..<length).map { _ in UInt8(chance.below(3)) } : chance.bytes(length)
                    try? connection.send(Self.frame(type, length: UInt32(length), payload: payload))
                    connection.settle(reader)
                    if length % 4 == 0 {
                        let early = try storm.connect()
                        try? early.send(Self.frame(type, length: UInt32(length), payload: payload))
                        early.settle(FrameReader(early))
                    }
                    try storm.checkAlive("type \(type) with \(length) bytes")
                }
            }
        }
    }

    @Test func headers() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 2)
            for _ in 0..<200 * StormSize.factor {
                let (connection, reader) = try storm.admittedConnection()
                for _ in 0...chance.below(4) {
                    let length = chance.one(of: [0, 8, 16, 64, 240, 241, 70_000])
                    let said = chance.isOne(in: 4) ? UInt32(truncatingIfNeeded: chance.word()) : UInt32(length)
                    try? connection.send(
                        Self.frame(
                            UInt16(chance.below(26)), length: said, flags: chance.isOne(in: 8) ? 1 : 0,
                            relid: UInt32(chance.below(5)), tag: UInt32(chance.below(3)), payload: chance.bytes(length))
                    )
                }
                connection.settle(reader)
                try storm.checkAlive("random frames")
            }
        }
    }

    @Test(arguments: [1_048_577, 0x8000_0000, UInt32.max]) func oversized(length: UInt32) throws {
        try Storm.run { storm in
            for type in [4, 5, 14, 16, 23] as [UInt16] {
                let (connection, reader) = try storm.admittedConnection()
                try connection.send(Self.frame(type, length: length))
                let answer = try reader.next()
                #expect(answer?.header.type == .refused)
            }
        }
    }

    /// A session that comes byte by byte is one like any other.
    @Test func trickle() throws {
        try Storm.run { storm in
            let connection = try storm.connect()
            for byte in Frame.hello(Hello(name: "slow")).bytes + Frame.ping([1, 2, 3], tag: 9).bytes {
                try connection.send([byte])
            }
            let reader = FrameReader(connection)
            #expect(try reader.next()?.header.type == .welcome)
            let answer = try reader.next()
            #expect(answer?.header == FrameHeader(.pong, payloadBytes: 3, tag: 9) && answer?.payload == [1, 2, 3])
            // The rest of this frame never comes.
            try connection.send(Array(Frame.ping([UInt8](repeating: 0, count: 1000), tag: 10).bytes.prefix(100)))
        }
    }

    /// HELLOs with every length of name and token that their fields can claim.
    @Test func greetings() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 3)
            let valid = Frame.hello(Hello(name: "name", token: [1, 2, 3])).bytes
            for position in 16..<valid.count {
                for value in [0, 0xFF, UInt8(chance.below(256))] {
                    var bytes = valid
                    bytes[position] = value
                    let connection = try storm.connect()
                    try connection.send(bytes)
                    connection.settle(FrameReader(connection))
                }
                try storm.checkAlive("byte \(position) of HELLO")
            }
        }
    }
}
