import Control
import DXGProtocol
import EventLoop
import Linux

/// One connection to the control socket: lines in, lines out, one at a time.
final class ControlConnection {
    private var stream: Stream?
    private let answer: (ControlRequest) -> [UInt8]
    /// What came of lines that are not answered. At most a line and what one read gave: nothing more is read while an
    /// answer waits to be sent.
    private var input: [UInt8] = []
    private var isEnding = false

    /// Called when the connection is over, unless it was closed by `close()`.
    var onEnd: (() -> Void)?

    init(
        _ loop: EventLoop, socket: consuming FileDescriptor, answer: @escaping (ControlRequest) -> [UInt8]
    ) throws(SystemError) {
        self.answer = answer
        stream = try Stream(loop, socket: socket, delegate: self)
    }

    func close() {
        stream?.close()
        stream = nil
        onEnd = nil
    }

    /// Says why, and ends the connection.
    func end(_ reason: String) {
        isEnding = true
        input.removeAll()
        stream?.send(JSONLine.encode(ErrorReply(error: reason)))
        stream?.closeAfterFlush()
    }

    private func answerLines() {
        var start = 0
        while let stream, !isEnding, stream.pendingBytes == 0,
            let end = input[start...].firstIndex(of: UInt8(ascii: "\n"))
        {
            guard end - start < ControlRequest.maximumBytes else { return endForLength() }
            stream.send(reply(to: Array(input[start..<end])))
            start = end + 1
        }
        guard !isEnding else { return }
        input.removeFirst(start)
        guard let stream, stream.pendingBytes == 0 else { return stream?.pauseReading() ?? () }
        if input.count >= ControlRequest.maximumBytes { endForLength() }
    }

    private func endForLength() { end("a request is longer than \(ControlRequest.maximumBytes) bytes") }

    private func reply(to line: [UInt8]) -> [UInt8] {
        do throws(JSONLineError) {
            return answer(try JSONLine.decode(ControlRequest.self, from: line))
        } catch {
            return JSONLine.encode(ErrorReply(error: error.description))
        }
    }
}

extension ControlConnection: StreamDelegate {
    func stream(_ stream: Stream, received bytes: RawSpan, descriptors: inout DescriptorQueue) {
        guard !isEnding else { return }
        input += [UInt8](wireBytes: bytes)
        answerLines()
    }

    func streamDidDrain(_ stream: Stream) {
        answerLines()
        if !isEnding, stream.pendingBytes == 0 { stream.resumeReading() }
    }

    func streamDidClose(_ stream: Stream, reason: StreamCloseReason) {
        self.stream = nil
        onEnd?()
        onEnd = nil
    }
}
