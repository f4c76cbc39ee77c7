import Control
import Glibc
import Linux

/// The other end of a server's control socket (docs/control.md 1).
struct ControlClient: ~Copyable {
    private let socket: FileDescriptor

    /// Connects to the socket with this path.
    init(path: String) throws(SystemError) { socket = try Socket.connect(to: .unix(path: path)) }

    /// Asks, and waits for the answer's line.
    func ask(_ request: ControlRequest) throws -> [UInt8] {
        let line = JSONLine.encode(request)
        var sent = 0
        while sent < line.count { sent += try Socket.send(socket.rawValue, Array(line[sent...])) ?? 0 }
        var answer: [UInt8] = []
        var descriptors = DescriptorQueue()
        while answer.last != UInt8(ascii: "\n") {
            let bytes = try Socket.receive(socket.rawValue, maximumBytes: 65536, descriptors: &descriptors) ?? []
            guard !bytes.isEmpty else {
                throw SystemError(code: ECONNRESET, operation: "read the answer of the control socket")
            }
            answer += bytes
        }
        return answer
    }

    /// Asks, and reads the answer as what it should be.
    func ask<Reply: Decodable>(_ request: ControlRequest, for _: Reply.Type) throws -> Reply {
        let line = try ask(request)
        if let refusal = try? JSONLine.decode(ErrorReply.self, from: line) { throw refusal }
        return try JSONLine.decode(Reply.self, from: line)
    }
}
