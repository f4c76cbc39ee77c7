import EventLoop
import Glibc
import Linux

/// The bare libuv echo server, as a child process.
final class EchoServer {
    let endpoint: Endpoint
    private let child: ReadyProcess
    private let directory: TemporaryDirectory
    private let input: SocketPair

    var startNanoseconds: UInt64 { child.startNanoseconds }

    init(requestBytes: Int, replyBytes: Int) throws {
        directory = try TemporaryDirectory(prefix: "understudy-echo")
        let path = directory.path + "/echo.sock"
        endpoint = .unix(path: path)
        input = try SocketPair(.stream, nonBlocking: false)
        let standardInput = input.second.rawValue
        child = try ReadyProcess(
            executable: Programs.beside("understudy-bench-echo"), arguments: [path, "\(requestBytes)", "\(replyBytes)"]
        ) { ready in [standardInput, ready] }
    }

    func stop() throws {
        guard !child.hasEnded else { return }
        _ = shutdown(input.first.rawValue, Int32(SHUT_RDWR))
        try child.wait()
        directory.remove()
    }
}

/// A blocking connection that sends and counts bytes.
final class RawConnection {
    private let socket: FileDescriptor
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(endpoint: Endpoint) throws { socket = try Socket.connect(to: endpoint) }

    func roundTrip(_ request: [UInt8], replyBytes: Int) throws {
        guard try Socket.send(socket.rawValue, request) == request.count else { throw BenchError("a short write") }
        var left = replyBytes
        while left > 0 {
            // SAFETY: the call fills at most the buffer, which is valid for it.
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(socket.rawValue, $0.baseAddress, $0.count, 0)
            }
            guard count > 0 else { throw BenchError("the echo server closed the connection") }
            left -= count
        }
    }
}

/// memcpy between two memory files, as the worker's COPY has them.
final class PlainCopy {
    private let source: MemoryMapping
    private let destination: MemoryMapping

    init(bytes: Int) throws {
        source = try SharedMemory(name: "bench-source", bytes: UInt64(bytes)).map()
        destination = try SharedMemory(name: "bench-destination", bytes: UInt64(bytes)).map()
        // Touched once, so that no page is made while the time is taken.
        destination.copy(from: source)
    }

    /// Nanoseconds of one copy.
    func run() -> UInt64 {
        let start = MonotonicClock.now
        destination.copy(from: source)
        return MonotonicClock.now - start
    }
}

/// What /proc says of a process's memory.
enum ProcessMemory {
    /// Resident KiB.
    static func resident(_ process: Int32) throws -> UInt64 {
        let text = try TextFile.read("/proc/\(process)/status")
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let number = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
        else { throw BenchError("no VmRSS of process \(process)") }
        return number
    }

    /// Resident KiB of the largest child: the workers are the server's only children.
    static func residentOfLargestChild(_ process: Int32) throws -> UInt64 {
        let children = try TextFile.read("/proc/\(process)/task/\(process)/children")
        let sizes = children.split(separator: " ").compactMap { Int32($0) }.compactMap { try? resident($0) }
        guard let largest = sizes.max() else { throw BenchError("the server has no worker") }
        return largest
    }
}
