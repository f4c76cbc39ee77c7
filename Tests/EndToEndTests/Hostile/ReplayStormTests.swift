import Carriers
import Guest
import Linux
import Testing

@testable import Guest

/// One whole session of a guest, cut off and changed in every place.
@Suite struct ReplayStormTests {
    /// The guest is gone after the first frame, after the second, and so on to the last.
    @Test func cutOffAfterEveryFrame() throws {
        try Storm.run { storm in
            let recording = try SessionRecording(of: storm.server.endpoint, SessionRecording.script)
            #expect(recording.frames.count > 80)
            for count in 1...recording.frames.count {
                try SessionRecording.replay(recording.frames.prefix(count), to: storm.server.endpoint)
                try storm.checkAlive("a session of \(count) frames")
            }
        }
    }

    /// Frames with bytes changed, left out, sent twice and in another order; nobody waits for anything.
    @Test func changedFrames() throws {
        try Storm.run(["--timeout", "500"]) { storm in
            var chance = Chance(seed: 12)
            let recording = try SessionRecording(of: storm.server.endpoint, SessionRecording.script)
            for round in 0..<150 * StormSize.factor {
                var frames = recording.frames
                for _ in 0...chance.below(6) {
                    let index = 1 + chance.below(frames.count - 1)
                    switch chance.below(5) {
                    case 0: frames.remove(at: index)
                    case 1: frames.insert(frames[index], at: 1 + chance.below(frames.count - 1))
                    case 2: frames.swapAt(index, 1 + chance.below(frames.count - 1))
                    default: frames[index] = Self.changed(frames[index], &chance)
                    }
                }
                let connection = try storm.connect()
                let reader = FrameReader(connection)
                do throws(GuestError) {
                    // Answers to what was not asked would end the session at once.
                    for frame in frames where frame.header.type != .memoryData && frame.header.type != .memoryDone {
                        try connection.send(frame.bytes)
                    }
                } catch {}
                connection.settle(reader)
                try storm.checkAlive("changed session \(round)")
            }
        }
    }

    /// A few bytes or words of the payload with other values. What the packet's descriptor says stays mostly right.
    private static func changed(_ frame: ReceivedFrame, _ chance: inout Chance) -> ReceivedFrame {
        var payload = frame.payload
        guard payload.count >= 8 else { return frame }
        let start = frame.header.type == .packet && !chance.isOne(in: 6) ? 16 : 0
        guard start < payload.count else { return frame }
        for _ in 0...chance.below(4) {
            let place = start + chance.below(payload.count - start)
            if chance.isOne(in: 2) {
                payload[place] = UInt8(chance.below(256))
            } else {
                let word = chance.one(of: [0, 1, 0x7FFF_FFFF, 0x8000_0000, .max, UInt32(chance.below(100_000))])
                for (index, byte) in [word].littleEndianBytes.enumerated() where (place & ~3) + index < payload.count {
                    payload[(place & ~3) + index] = byte
                }
            }
        }
        return ReceivedFrame(header: frame.header, payload: payload)
    }
}
