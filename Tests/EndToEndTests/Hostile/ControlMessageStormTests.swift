import Carriers
import Guest
import Linux
import Testing
import VMBus

/// VMBus control messages of every kind and length, in any order.
@Suite struct ControlMessageStormTests {
    @Test func everyMessageAndLength() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 4)
            for kind in 0...30 as ClosedRange<UInt32> {
                let size = ControlMessageType(rawValue: kind)?.size ?? 40
                let (connection, reader) = try storm.admittedConnection()
                try connection.send(.message(GuestMessage.initiateContact(InitiateContact(version: .v5_3)).encoded()))
                try connection.send(.message(GuestMessage.requestOffers.encoded()))
                for length in 8...min(240, size + 24) {
                    let body = chance.isOne(in: 2) ? Self.smallNumbers(&chance, length - 8) : chance.bytes(length - 8)
                    try? connection.send(.message([kind, 0].littleEndianBytes + body))
                }
                connection.settle(reader)
                try storm.checkAlive("control message \(kind)")
            }
        }
    }

    /// Random sequences of messages that are nearly right, GPADLs among them.
    @Test func sequences() throws {
        try Storm.run { storm in
            var chance = Chance(seed: 5)
            let kinds: [UInt32] = [3, 5, 5, 7, 8, 8, 9, 9, 9, 11, 13, 14, 16, 18, 19, 22]
            for _ in 0..<30 * StormSize.factor {
                let (connection, reader) = try storm.admittedConnection()
                try connection.send(.message(GuestMessage.initiateContact(InitiateContact(version: .v5_3)).encoded()))
                for step in 0..<100 {
                    let kind = chance.one(of: kinds)
                    // Contact is made anew now and then, or nothing but that would happen.
                    if kind == 14 || kind == 16, !chance.isOne(in: 8) { continue }
                    var words = (0..<chance.below(40)).map { _ in UInt32(chance.below(6)) }
                    if chance.isOne(in: 4), !words.isEmpty { words[chance.below(words.count)] = .max }
                    if kind == 14 { words = [0x0005_0003, 0, 2, 0, 0, 0, 0, 0, 0] }
                    var message = [kind, 0].littleEndianBytes + words.littleEndianBytes
                    if let size = ControlMessageType(rawValue: kind)?.size {
                        while message.count < size { message.append(0) }
                    }
                    try? connection.send(.message(Array(message.prefix(240))))
                    if step % 25 == 24 { connection.settle(reader) }
                }
                try storm.checkAlive("a sequence of control messages")
            }
        }
    }

    /// GPADLs that are begun, claim to be huge, and are never finished.
    @Test func unfinishedGPADLs() throws {
        try Storm.run { storm in
            for rangeBytes in [16, 0xFFF8, 0xFFFF] as [UInt16] {
                let (connection, reader) = try storm.admittedConnection()
                try connection.send(.message(GuestMessage.initiateContact(InitiateContact(version: .v5_3)).encoded()))
                try connection.send(.message(GuestMessage.requestOffers.encoded()))
                for gpadl in 1...2000 as ClosedRange<UInt32> {
                    let fields = [8, 0, 1, gpadl].littleEndianBytes + [rangeBytes, 1].littleEndianBytes
                    let range = [UInt32.max, 0].littleEndianBytes + [UInt64](repeating: 5, count: 20).littleEndianBytes
                    try? connection.send(.message(fields + range))
                }
                connection.settle(reader)
                try storm.checkAlive("unfinished GPADLs")
            }
        }
    }

    private static func smallNumbers(_ chance: inout Chance, _ count: Int) -> [UInt8] {
        let words = (0..<count / 4 + 1).map { _ in UInt32(chance.below(5)) }
        return Array(words.littleEndianBytes.prefix(count))
    }
}
