import EventLoop
import Linux

/// Remembers what a stream reported.
final class Recorder: StreamDelegate {
    var received: [UInt8] = []
    var descriptorCounts: [Int] = []
    var drains = 0
    var closes: [StreamCloseReason] = []
    var onReceive: ((Stream, inout DescriptorQueue) -> Void)?
    var onDrain: (() -> Void)?
    var onClose: (() -> Void)?

    func stream(_ stream: Stream, received bytes: RawSpan, descriptors: inout DescriptorQueue) {
        // SAFETY: the span is copied at once.
        unsafe bytes.withUnsafeBytes { unsafe received.append(contentsOf: $0) }
        if !descriptors.isEmpty { descriptorCounts.append(descriptors.count) }
        onReceive?(stream, &descriptors)
    }

    func streamDidDrain(_ stream: Stream) {
        drains += 1
        onDrain?()
    }

    func streamDidClose(_ stream: Stream, reason: StreamCloseReason) {
        closes.append(reason)
        onClose?()
    }
}

extension EventLoop {
    /// Runs turn after turn until something is so.
    func run(until condition: () -> Bool) {
        while !condition() { runTurn(waiting: true) }
    }
}

/// Ends of a connection: one on the loop, one for the test.
final class Connection {
    let peer: FileDescriptor
    let stream: Stream
    let recorder = Recorder()

    init(_ loop: EventLoop) throws {
        let pair = try SocketPair(.stream)
        peer = try pair.second.duplicate()
        stream = try Stream(loop, socket: try pair.first.duplicate(), delegate: recorder)
    }

    /// Everything that the test's end can read now; nothing at the end of the stream.
    func readPeer() throws -> [UInt8]? {
        var result: [UInt8] = []
        var queue = DescriptorQueue()
        while let bytes = try Socket.receive(peer.rawValue, maximumBytes: 1 << 20, descriptors: &queue) {
            if bytes.isEmpty { return result.isEmpty ? nil : result }
            result += bytes
        }
        return result
    }
}
