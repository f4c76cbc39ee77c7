import Carriers
import Configuration
import EventLoop
import Glibc
import Linux
import Logging
import SoftGPU
import Testing

@testable import Host

/// A server on the test's own thread with one guest that shares no memory, which the test plays frame by frame.
final class HostUnderTest {
    let loop: EventLoop
    let server: Server
    private let directory: TemporaryDirectory
    private let socket: FileDescriptor
    private var parser = FrameParser()

    init() throws {
        loop = try EventLoop()
        directory = try TemporaryDirectory(prefix: "understudy-host")
        let endpoint = Endpoint.unix(path: directory.path + "/gpu.sock")
        var settings = Settings()
        settings.listeners = [ListenerSettings(endpoint: endpoint)]
        let options = ServerOptions(settings: settings, workerExecutable: "/nonexistent", lanes: 1)
        server = try Server(options: options, loop: loop, logger: Logger(label: "test") { _ in RecordingLog() })
        socket = try Socket.connect(to: endpoint, nonBlocking: true)
        try send(.hello(Hello(name: "test")))
        while server.guestCount == 0 { loop.runTurn(waiting: true) }
    }

    deinit {
        server.finish()
        loop.run()
        directory.remove()
    }

    var session: GuestSession {
        get throws { try #require(server.sessions.values.first) }
    }

    func send(_ frame: Frame) throws {
        let count = try Socket.send(socket.rawValue, frame.bytes)
        try #require(count == frame.bytes.count)
    }

    /// What the host asks of the guest's memory by now.
    func requests() throws -> [MemoryRequest] {
        loop.runTurn()
        var result: [MemoryRequest] = []
        var descriptors = DescriptorQueue()
        while let bytes = try Socket.receive(socket.rawValue, maximumBytes: 65536, descriptors: &descriptors) {
            try #require(!bytes.isEmpty)
            try parser.parse(unsafe bytes.span.bytes) { (_) throws(CarrierViolation) in
            } body: { (header, payload) throws(CarrierViolation) in
                switch try HostFrame(header, payload) {
                case .memoryRead(let range, let tag): result.append(.read(range, tag: tag))
                case .memoryWrite(let address, let data, let tag):
                    let bytes = unsafe data.withUnsafeBytes { unsafe [UInt8]($0) }
                    result.append(.write(address, bytes, tag: tag))
                default: break
                }
                return true
            }
        }
        return result
    }

    enum MemoryRequest: Equatable {
        case read(ByteRange, tag: UInt32)
        case write(UInt64, [UInt8], tag: UInt32)
    }
}

/// A guest's memory in which pages exist once they are written.
struct GuestPages {
    static let pageBytes: UInt64 = 4096
    var pages: [UInt64: [UInt8]] = [:]
    /// The most requests that were unanswered at a time.
    private(set) var mostAtOnce = 0
    private(set) var writtenRanges: [Range<UInt64>] = []

    mutating func fill(_ page: UInt64, _ value: UInt8) {
        pages[page] = [UInt8](repeating: value, count: Int(Self.pageBytes))
    }

    /// Answers what the host asks until `isDone`.
    mutating func serve(_ host: HostUnderTest, until isDone: () -> Bool) throws {
        while !isDone() {
            let requests = try host.requests()
            mostAtOnce = max(mostAtOnce, requests.count)
            for request in requests { try host.send(answer(request)) }
        }
    }

    private mutating func answer(_ request: HostUnderTest.MemoryRequest) -> Frame {
        switch request {
        case .read(let range, let tag):
            guard range.start % Self.pageBytes == 0, UInt64(range.length) % Self.pageBytes == 0 else {
                return .memoryData(status: -EINVAL, [], tag: tag)
            }
            var bytes: [UInt8] = []
            for index in 0..<UInt64(range.length) / Self.pageBytes {
                guard let page = pages[range.start / Self.pageBytes + index] else {
                    return .memoryData(status: -EFAULT, [], tag: tag)
                }
                bytes += page
            }
            return .memoryData(status: 0, bytes, tag: tag)
        case .write(let address, let bytes, let tag):
            var done = 0
            while done < bytes.count {
                let place = address + UInt64(done)
                let inPage = Int(place % Self.pageBytes)
                let count = min(bytes.count - done, Int(Self.pageBytes) - inPage)
                pages[place / Self.pageBytes]?.replaceSubrange(
                    inPage..<inPage + count, with: bytes[done..<done + count])
                done += count
            }
            writtenRanges.append(address..<address + UInt64(bytes.count))
            return .memoryDone(status: 0, tag: tag)
        }
    }
}
