internal import Glibc
public import Linux

/// Connects to an endpoint without holding up the loop.
///
/// For `hybridDial` that includes the monitor's handshake (docs/protocol/carrier.md, Hybrid vsock): what arrives after
/// its answer belongs to the stream and is left in the socket.
public final class Connector {
    private let loop: EventLoop
    private let endpoint: Endpoint
    private var socket: FileDescriptor?
    private var poll: Poll?
    private var deadline: Timer?
    private var retry: Timer?
    private var completion: ((consuming Result<FileDescriptor, SystemError>) -> Void)?
    private var answer: [UInt8] = []
    private var isAwaitingAnswer = false

    /// `OK ` and a 32-bit number fit in this many bytes before the newline.
    private static let maximumAnswerBytes = 32
    private static let retryNanoseconds: UInt64 = 10_000_000

    /// Starts to connect. `completion` is called once, in a call of the loop's, unless `close()` comes first. An
    /// attempt that takes longer than the limit is ETIMEDOUT, an answer that is not the handshake's EPROTO.
    public init(
        _ loop: EventLoop, to endpoint: Endpoint, timeoutNanoseconds: UInt64 = 5_000_000_000,
        completion: @escaping (consuming Result<FileDescriptor, SystemError>) -> Void
    ) {
        self.loop = loop
        self.endpoint = endpoint
        self.completion = completion
        deadline = Timer(loop) { [weak self] in self?.fail(ETIMEDOUT, "connect") }
        deadline?.start(afterNanoseconds: timeoutNanoseconds)
        retry = Timer(loop) { [weak self] in self?.start() }
        loop.afterThisTurn { [weak self] in self?.start() }
    }

    /// Gives up.
    public func close() {
        poll?.close()
        poll = nil
        socket = nil
        deadline = nil
        retry = nil
        completion = nil
    }

    private func start() {
        guard completion != nil else { return }
        do throws(SystemError) {
            let socket = try Socket.startConnecting(to: endpoint)
            let number = socket.rawValue
            self.socket = consume socket
            poll = try Poll(loop, descriptor: number) { [weak self] _ in self?.ready(number) }
            poll?.update(.writable)
        } catch {
            if error.code == EAGAIN {
                retry?.start(afterNanoseconds: Self.retryNanoseconds)
            } else {
                finish(.failure(error))
            }
        }
    }

    private func ready(_ number: Int32) {
        if isAwaitingAnswer { return readAnswer(number) }
        let code = Socket.connectionError(number)
        guard code == 0 else { return fail(code, "connect") }
        guard case .hybridDial(_, let port) = endpoint else { return succeed() }
        let request = Array("CONNECT \(port)\n".utf8)
        do throws(SystemError) {
            // A new connection has room for one line.
            guard try Socket.send(number, unsafe request.span.bytes) == request.count else {
                return fail(EPROTO, "send the CONNECT line")
            }
            isAwaitingAnswer = true
            poll?.update(.readable)
        } catch {
            finish(.failure(error))
        }
    }

    /// Reads byte by byte: what follows the newline is payload already.
    private func readAnswer(_ number: Int32) {
        var byte: [UInt8] = [0]
        var descriptors = DescriptorQueue()
        do throws(SystemError) {
            while true {
                var span = byte.mutableSpan
                var bytes = unsafe span.mutableBytes
                guard let count = try Socket.receive(number, into: &bytes, descriptors: &descriptors) else { return }
                guard count == 1 else { return fail(ECONNREFUSED, "the monitor closed the connection: connect") }
                if byte[0] == UInt8(ascii: "\n") { break }
                answer.append(byte[0])
                guard answer.count <= Self.maximumAnswerBytes else { return failAnswer() }
            }
        } catch {
            return finish(.failure(error))
        }
        let prefix = Array("OK ".utf8)
        let digits = answer.dropFirst(prefix.count)
        guard answer.starts(with: prefix), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            UInt32(String(decoding: digits, as: UTF8.self)) != nil
        else { return failAnswer() }
        succeed()
    }

    private func failAnswer() {
        let text = String(decoding: answer, as: UTF8.self)
        fail(EPROTO, "the monitor answered \"\(text)\" instead of \"OK <number>\": connect")
    }

    private func succeed() {
        poll?.close()
        poll = nil
        guard let socket = socket.take() else { return }
        finish(.success(socket))
    }

    private func fail(_ code: Int32, _ operation: String) {
        finish(.failure(SystemError(code: code, operation: "\(operation) to \(endpoint)")))
    }

    private func finish(_ result: consuming Result<FileDescriptor, SystemError>) {
        let completion = completion
        close()
        completion?(result)
    }
}
