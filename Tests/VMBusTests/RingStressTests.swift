import Synchronization
import Testing
import VMBus

/// Both ends of a ring on two threads that sleep whenever the rules let them: a signal too few stalls them, a byte too
/// early is found in the content.
struct RingStressTests {
    struct Load: CustomTestStringConvertible {
        let pages: Int
        let packets: Int
        /// How many packets the writer shows at a time, and the reader takes before it gives their room back.
        let written: Int
        let taken: Int
        let masks: Bool

        var testDescription: String {
            "\(pages) pages, \(written) at a time, \(taken) taken, \(masks ? "masked" : "never masked")"
        }
    }

    static let loads = [
        Load(pages: 2, packets: 3_000, written: 1, taken: 1, masks: true),
        Load(pages: 2, packets: 3_000, written: 1, taken: 1, masks: false),
        Load(pages: 2, packets: 3_000, written: 7, taken: .max, masks: true),
        Load(pages: 3, packets: 3_000, written: 1, taken: .max, masks: false),
        Load(pages: 16, packets: 3_000, written: 3, taken: 5, masks: true),
    ]

    private static func packet(_ number: Int, pages: Int) -> [UInt8] {
        let largest = (pages - 1) * 4096 / 3
        return makePacket(number, bytes: 16 + number &* 7919 % largest / 8 * 8)
    }

    @Test(arguments: loads)
    func `Everything arrives in order, and nobody sleeps for ever`(load: Load) throws {
        let memory = RingMemory(pages: load.pages)
        let bells = Doorbells()
        let sent = Mutex<String?>(nil)
        runBeside {
            do throws(RingViolation) {
                let failure = try Self.send(load, RingWriter(memory.bytes), bells)
                sent.withLock { $0 = failure }
            } catch {
                sent.withLock { $0 = "\(error)" }
            }
            bells.leave(.writer)
        } _: {
            do throws(RingViolation) {
                let failure = try Self.receive(load, RingReader(memory.bytes), bells)
                #expect(failure == nil)
            } catch {
                Issue.record("\(error)")
            }
            bells.leave(.reader)
        }
        #expect(sent.withLock { $0 } == nil)
        #expect(bells.count[Doorbells.Side.reader.rawValue] < load.packets)
    }

    /// Gives what went wrong.
    private static func send(
        _ load: Load, _ writer: RingWriter, _ bells: Doorbells
    ) throws(RingViolation) -> String? {
        var writer = writer
        for number in 0..<load.packets {
            let packet = packet(number, pages: load.pages)
            while try !writer.write(packet) {
                if try writer.publish() { bells.ring(.reader) }
                if try !writer.awaitRoom(forPacketOf: packet.count), !bells.wait(.writer) {
                    return "the writer waits for room for packet \(number), and nobody signals"
                }
                writer.roomFound()
            }
            if number % load.written == 0, try writer.publish() { bells.ring(.reader) }
        }
        if try writer.publish() { bells.ring(.reader) }
        return nil
    }

    private static func receive(
        _ load: Load, _ reader: RingReader, _ bells: Doorbells
    ) throws(RingViolation) -> String? {
        var reader = reader
        var buffer: [UInt8] = []
        var number = 0
        while true {
            if load.masks { reader.mask() }
            var taken = 0
            while let count = try reader.next(into: &buffer) {
                guard buffer[..<count].elementsEqual(packet(number, pages: load.pages)) else {
                    return "packet \(number) has other bytes"
                }
                number += 1
                taken += 1
                if taken == load.taken {
                    taken = 0
                    if try reader.release() { bells.ring(.writer) }
                }
            }
            if try reader.release() { bells.ring(.writer) }
            if number == load.packets { return nil }
            // A ring that was never masked is looked at again in the same way.
            if try !reader.unmask(), !bells.wait(.reader) {
                return "the reader waits for packet \(number), and nobody signals"
            }
        }
    }
}
