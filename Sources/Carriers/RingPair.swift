internal import DequeModule
internal import VMBus

/// A channel's two rings from the host's side, and what waits for room in the one to the guest.
final class RingPair {
    private var reader: RingReader
    private var writer: RingWriter
    private var waiting: Deque<[UInt8]> = []
    /// The bytes that wait for room.
    private(set) var waitingBytes = 0
    private var buffer: [UInt8] = []

    /// Both rings as they are. Something in them already is read like what comes later.
    init(fromGuest: SharedBytes, toGuest: SharedBytes) throws(RingViolation) {
        reader = try RingReader(fromGuest)
        writer = try RingWriter(toGuest)
    }

    /// Puts a packet into the ring or, behind others, into the queue. The guest sees it after ``publish()``.
    func send(_ packet: [UInt8]) throws(RingViolation) {
        if waiting.isEmpty, try writer.write(unsafe packet.span.bytes) { return }
        waiting.append(packet)
        waitingBytes += packet.count
    }

    /// Shows the guest all that was sent, and puts in what has waited; says whether it is to be signalled.
    func publish() throws(RingViolation) -> Bool {
        var signals = false
        while let packet = waiting.first {
            if try !writer.write(unsafe packet.span.bytes) {
                if try writer.publish() { signals = true }
                guard try writer.awaitRoom(forPacketOf: packet.count) else { return signals }
                continue
            }
            waiting.removeFirst()
            waitingBytes -= packet.count
            if waiting.isEmpty { writer.roomFound() }
        }
        if try writer.publish() { signals = true }
        return signals
    }

    /// What a pass over the ring from the guest came to.
    struct Pass {
        /// Whether the guest waits for the room that was made.
        var signals = false
        /// Whether there may be more to read now, of which no signal will tell.
        var isUnfinished = false
    }

    /// Hands `body` one packet after the other while it returns true: at most `limit` of them, and none while a packet
    /// to the guest waits for room (docs/protocol/ivshmem.md 10). With those the guest signals when it makes room.
    func receive(limit: Int, _ body: (RawSpan) -> Bool) throws(RingViolation) -> Pass {
        var pass = Pass()
        var taken = 0
        reader.mask()
        while waiting.isEmpty {
            guard taken < limit else {
                pass.isUnfinished = true
                break
            }
            guard let count = try reader.next(into: &buffer) else {
                if try reader.release() { pass.signals = true }
                guard try reader.unmask() else { return pass }
                reader.mask()
                continue
            }
            taken += 1
            // What is called may send, but it cannot get here again: only the loop does.
            guard body(unsafe buffer.span.bytes.extracting(first: count)) else { break }
        }
        if try reader.release() { pass.signals = true }
        return pass
    }
}
