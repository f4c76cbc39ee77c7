import Configuration
import Control
import EventLoop
import Linux
import Logging

/// Answers those who run the server, at a unix socket of their own (docs/control.md).
final class ControlServer {
    private let loop: EventLoop
    private var listener: Listener?
    private var connections: [ObjectIdentifier: ControlConnection] = [:]
    /// What is asked; its answer is one line.
    private let answer: (ControlRequest) -> [UInt8]

    /// Connections at a time: each holds at most one request and one answer.
    static let maximumConnections = 16

    /// Listens at `path`. Requests that make no sense are answered here, the others by `answer`.
    init(
        _ loop: EventLoop, path: String, permissions: UInt32, log: GuestLog,
        answer: @escaping (ControlRequest) -> [UInt8]
    ) throws(SystemError) {
        self.loop = loop
        self.answer = answer
        let listener = try Listener(loop, endpoint: .unix(path: path), permissions: permissions) {
            [weak self] socket, _ in self?.accept(socket)
        }
        listener.onError = { [log] error in log.server(.warning, "the control socket: \(error)") }
        self.listener = listener
    }

    /// Stops listening, removes the socket file and ends all connections.
    func close() {
        listener?.close()
        listener = nil
        for connection in connections.values { connection.close() }
        connections.removeAll()
    }

    private func accept(_ socket: consuming FileDescriptor) {
        do throws(SystemError) {
            let connection = try ControlConnection(loop, socket: socket, answer: answer)
            let key = ObjectIdentifier(connection)
            let isOver = connections.count >= Self.maximumConnections
            connections[key] = connection
            connection.onEnd = { [weak self] in self?.connections[key] = nil }
            if isOver { connection.end("there are \(Self.maximumConnections) connections to the control socket") }
        } catch {
            listener?.onError?(error)
        }
    }
}
