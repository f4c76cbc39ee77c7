import Carriers
import Linux
import Synchronization

@testable import Guest

/// The frames that a guest sends in one whole session, to be sent again.
struct SessionRecording {
    let frames: [ReceivedFrame]

    /// Lets a guest that shares nothing run `body` behind a proxy that writes its frames down.
    init(of endpoint: Endpoint, _ body: (GuestMachine) throws -> Void) throws {
        let pair = try SocketPair(.stream, nonBlocking: false)
        let guest = FrameConnection(adopting: try pair.first.duplicate())
        let inside = FrameConnection(adopting: try pair.second.duplicate())
        let outside = try FrameConnection(to: endpoint)
        _ = consume pair
        let list = RecordedFrames()
        let up = try ServiceThread {
            Self.forward(from: inside, to: outside) { list.append($0) }
        }
        let down = try ServiceThread { Self.forward(from: outside, to: inside) { _ in } }
        do {
            let machine = try GuestMachine.connect(over: guest, options: .unshared)
            try body(machine)
            machine.close()
        }
        up.join()
        down.join()
        frames = list.all
    }

    private static func forward(
        from source: FrameConnection, to target: FrameConnection, _ note: (ReceivedFrame) -> Void
    ) {
        let reader = FrameReader(source)
        while let frame = try? reader.next() {
            note(frame)
            do { try target.send(frame.bytes) } catch { break }
        }
        target.shutDown()
    }

    /// Everything that one guest does: processes, memory, fences, work of both kinds, sharing, and an end in order.
    static func script(_ machine: GuestMachine) throws {
        let first = try TestDevice(machine, id: 1, .context)
        let second = try TestDevice(machine, id: 2, .hardwareQueue)
        let page = try machine.memory.allocate(pages: 2)
        let existing = try first.makeExistingMemory(pages: [page / 4096, page / 4096 + 1])
        try machine.ioSpace.watch(first.fenceAddress, count: 8)
        try first.run { $0.fill(existing.address, bytes: 8192, pattern: 3) }
        let fence = try first.process.createMonitoredFence(device: first.device, flags: [.shared, .ntSecuritySharing])
        let opened = try second.process.openSyncObject(device: second.device, globalHandle: fence.globalHandle)
        let event = try second.process.beginWaitFromCpu(device: second.device, objects: [opened.handle], values: [1])
        try second.process.waitForSynchronizationObjectFromGpu(
            context: second.queue?.handle ?? second.context, objects: [opened.handle], values: [1])
        let problem = try SaxpyProblem(on: second, count: 64)
        var work = CommandBuffer()
        problem.append(to: &work)
        let value = try second.start(work)
        try first.process.signalSynchronizationObjectFromCpu(
            device: first.device, objects: [fence.handle], values: [1])
        try event.wait(until: .bound)
        try second.finish(value)
        _ = try first.process.queryVideoMemoryInfo()
        try first.process.evict(device: first.device, allocations: [existing.allocation])
        try first.process.destroyAllocation2(device: first.device, allocations: [existing.allocation])
        try second.process.flushDevice(second.device)
        try second.process.destroyDevice(second.device)
        try second.process.destroy()
        try first.process.destroy()
        try machine.shutDown()
    }

    /// Sends frames one by one, each when the host has handled those before; answers about memory wait for their
    /// questions. Ends early when the host ends the connection.
    static func replay(_ frames: some Sequence<ReceivedFrame>, to endpoint: Endpoint) throws {
        let connection = try FrameConnection(to: endpoint)
        let reader = FrameReader(connection)
        var asked: Set<UInt32> = []
        var isWelcome = false
        do throws(GuestError) {
            for frame in frames {
                if frame.header.type == .memoryData || frame.header.type == .memoryDone {
                    while !asked.contains(frame.header.tag) {
                        guard let received = try reader.next() else { return }
                        if received.isMemoryRequest { asked.insert(received.header.tag) }
                    }
                    asked.remove(frame.header.tag)
                }
                try connection.send(frame.bytes)
                if isWelcome { try connection.send(.ping([], tag: 0x5E77)) }
                while let received = try reader.next() {
                    if received.isMemoryRequest { asked.insert(received.header.tag) }
                    if received.header.type == .refused { return }
                    if received.header.type == (isWelcome ? .pong : .welcome) { break }
                }
                isWelcome = true
            }
        } catch {}
    }
}

/// Frames that another thread adds.
private final class RecordedFrames: Sendable {
    private let frames = Mutex<[ReceivedFrame]>([])
    var all: [ReceivedFrame] { frames.withLock { $0 } }
    func append(_ frame: ReceivedFrame) { frames.withLock { $0.append(frame) } }
}

extension ReceivedFrame {
    /// As on the wire.
    var bytes: [UInt8] {
        let header = header.encoded
        return (0..<FrameHeader.bytes).map { header[$0] } + payload
    }

    var isMemoryRequest: Bool { header.type == .memoryRead || header.type == .memoryWrite }
}
