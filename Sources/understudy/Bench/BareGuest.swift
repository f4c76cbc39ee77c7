import CSoftGPU
import Carriers
import DXGProtocol
import Glibc
import Guest
import Linux
import VMBus

/// A guest with nothing in the way: one blocking socket, one thread, no shared memory. What it measures is the host.
final class BareGuest {
    private let socket: FileDescriptor
    private var piece = [UInt8](repeating: 0, count: 65536)
    private var received: [UInt8] = []
    private var consumed = 0
    private var transaction: UInt64 = 0

    private var globalRelid: UInt32 = 0
    private var vgpuRelid: UInt32 = 0
    private let ioBase: UInt64 = 1 << 40
    private(set) var process = D3DKMTHandle.none
    private(set) var device = D3DKMTHandle.none
    private var pagingQueue = D3DKMTHandle.none
    /// Ids of the events that have come.
    private var events: Set<UInt64> = []

    /// Connects, and negotiates up to open channels.
    init(endpoint: Endpoint) throws {
        socket = try Socket.connect(to: endpoint)
        try send(Frame.hello(Hello(name: "bench")).bytes)
        guard case .welcome = try nextFrame().type else { throw BenchError("the host does not welcome the guest") }
        try post(.initiateContact(InitiateContact(version: .v5_3)))
        _ = try waitForMessage { if case .versionResponse = $0 { true } else { nil } }
        try post(.requestOffers)
        var isComplete = false
        while !isComplete {
            isComplete = try waitForMessage { message in
                switch message {
                case .offerChannel(let offer):
                    if offer.offer.key.interfaceType == .dxgGlobalChannel { globalRelid = offer.relid }
                    if offer.offer.key.interfaceType == .dxgVGPUChannel { vgpuRelid = offer.relid }
                    return false
                case .allOffersDelivered: return true
                default: return nil
                }
            }
        }
        for relid in [globalRelid, vgpuRelid] {
            try post(.openChannel(OpenChannel(relid: relid, openID: relid)))
            _ = try waitForMessage { if case .openChannelResult = $0 { true } else { nil } }
        }
    }

    /// Makes a process with a device and a paging queue.
    func start() throws {
        var region = MessageBuilder<SetIoSpaceRegion.Request>()
        region.start = ioBase
        region.length = 512 << 20
        _ = try perform(region)
        var open = MessageBuilder<OpenAdapter.Request>()
        open.vmbusInterfaceVersion = InterfaceVersion.v27.rawValue
        open.vmbusLastCompatibleInterfaceVersion = InterfaceVersion.lastCompatible.rawValue
        _ = try perform(open)
        process = try handle(in: try perform(MessageBuilder<CreateProcess.Request>()), at: 0)
        device = try handle(in: try perform(MessageBuilder<CreateDevice.Request>()), at: 0)
        var paging = MessageBuilder<CreatePagingQueue.Request>()
        paging.device = device
        pagingQueue = try handle(in: try perform(paging), at: 0)
    }

    // MARK: Objects

    struct Memory {
        let allocation: D3DKMTHandle
        let address: UInt64
    }

    /// An allocation, resident and mapped.
    func makeMemory(bytes: UInt64, isCPUVisible: Bool) throws -> Memory {
        let wish = AllocationRequest.memory(bytes: bytes, isCPUVisible: isCPUVisible)
        var create = MessageBuilder<CreateAllocation.Request>()
        create.device = device
        create.allocCount = 1
        var info = MessageBuilder<AllocationInfo>()
        info.privDrvDataSize = UInt32(wish.privateDriverData.count)
        create.append(info)
        create.append(bytes: wish.privateDriverData)
        let allocation = try handle(in: try perform(create), at: 16)
        var resident = MessageBuilder<MakeResident.Request>()
        resident.pagingQueue = pagingQueue
        resident.appendAllocations([allocation])
        try check(try perform(resident), at: 16)
        var map = MessageBuilder<MapGpuVirtualAddress.Request>()
        map.pagingQueue = pagingQueue
        map.allocation = allocation
        map.sizeInPages = (bytes + 4095) / 4096
        map.protectionWrite = true
        let reply = try perform(map)
        try check(reply, at: 16)
        return Memory(allocation: allocation, address: reply.integer(at: 0))
    }

    func destroy(_ memory: Memory) throws {
        var request = MessageBuilder<DestroyAllocation.Request>()
        request.device = device
        request.appendAllocations([memory.allocation])
        try check(try perform(request), at: 0)
    }

    /// Fills memory that the CPU can see.
    func write(_ bytes: [UInt8], to memory: Memory, at offset: UInt64 = 0) throws {
        try send(Frame.ioWrite(offset: try ioOffset(of: memory) + offset, bytes, tag: 1).bytes)
        _ = try nextFrame(.ioDone)
    }

    func readUInt64(from memory: Memory, at offset: UInt64) throws -> UInt64 {
        try send(Frame.ioRead(ByteRange(start: try ioOffset(of: memory) + offset, length: 8), tag: 1).bytes)
        return try nextFrame(.ioData).payload.integer(at: 8)
    }

    private func ioOffset(of memory: Memory) throws -> UInt64 {
        var lock = MessageBuilder<Lock2.Request>()
        lock.device = device
        lock.allocation = memory.allocation
        let reply = try perform(lock)
        try check(reply, at: 0)
        return reply.integer(at: 8) - ioBase
    }

    struct Queue {
        let handle: D3DKMTHandle
        let fence: D3DKMTHandle
    }

    func makeQueue() throws -> Queue {
        var context = MessageBuilder<CreateContextVirtual.Request>()
        context.device = device
        context.flagsHwQueueSupported = true
        var queue = MessageBuilder<CreateHwQueue.Request>()
        queue.context = try handle(in: try perform(context), at: 24)
        let reply = try perform(queue)
        try check(reply, at: 24)
        return Queue(handle: try handle(in: reply, at: 28), fence: try handle(in: reply, at: 32))
    }

    /// Asks for an event at a fence value.
    func expect(_ value: UInt64, of fence: D3DKMTHandle, event: UInt64) throws {
        var wait = MessageBuilder<WaitForSyncObjectFromCpu.Request>()
        wait.device = device
        wait.guestEventPointer = event
        wait.appendObjects([fence])
        wait.appendFenceValues([value])
        try check(try perform(wait), at: 0)
    }

    /// Submits a command buffer without looking at the reply, and waits for an event that was asked for.
    func submit(_ address: UInt64, bytes: Int, to queue: Queue, value: UInt64, event: UInt64) throws {
        var submit = MessageBuilder<SubmitCommandToHwQueue.Request>()
        submit.hwqueue = queue.handle
        submit.hwqueueProgressFenceId = value
        submit.commandBuffer = address
        submit.commandLength = UInt32(bytes)
        try post(submit)
        while events.remove(event) == nil { try take(try nextFrame()) }
    }

    // MARK: Commands

    /// A complete frame with a command that has no effect, to be sent as it is again and again.
    func flushFrame() throws -> [UInt8] { try frame(MessageBuilder<FlushHeapTransitions.Request>()) }

    /// Sends bytes and waits for so many.
    func roundTrip(_ request: [UInt8], replyBytes: Int) throws {
        try send(request)
        while received.count - consumed < replyBytes { try receive() }
        consumed += replyBytes
    }

    private func perform<Request: RequestLayout>(_ request: MessageBuilder<Request>) throws -> [UInt8] {
        let wanted = try post(request)
        while true {
            let frame = try nextFrame()
            if frame.type == .packet, frame.payload.integer(at: 0) as UInt16 == PacketType.completion.rawValue,
                frame.payload.integer(at: 8) == wanted
            {
                return Array(frame.payload.dropFirst(PacketHeader.size))
            }
            try take(frame)
        }
    }

    @discardableResult
    private func post<Request: RequestLayout>(_ request: MessageBuilder<Request>) throws -> UInt64 {
        try send(try frame(request))
        return transaction
    }

    private func frame<Request: RequestLayout>(_ request: MessageBuilder<Request>) throws -> [UInt8] {
        var request = request
        request.setHeader(process: process)
        transaction += 1
        let packet = try Packet.encode(
            type: .inBandData, payload: request.encoded().wireBytes, transactionID: transaction,
            requestCompletion: true)
        return Frame.packet(packet, relid: Request.channelType == .vmToHost ? globalRelid : vgpuRelid).bytes
    }

    private func handle(in reply: [UInt8], at offset: Int) throws -> D3DKMTHandle {
        guard reply.count >= offset + 4 else { throw BenchError("a command failed") }
        let handle = D3DKMTHandle(rawValue: reply.integer(at: offset))
        guard handle != .none else { throw BenchError("a command failed") }
        return handle
    }

    private func check(_ reply: [UInt8], at offset: Int) throws {
        let status = NTStatus(rawValue: reply.count >= offset + 4 ? reply.integer(at: offset) : .max)
        guard status.isSuccess else { throw BenchError("a command failed with \(status)") }
    }

    // MARK: Frames

    private struct Received {
        let type: FrameType
        let payload: [UInt8]
    }

    private func post(_ message: GuestMessage) throws { try send(Frame.message(message.encoded()).bytes) }

    private func waitForMessage(_ body: (VMBus.HostMessage) throws -> Bool?) throws -> Bool {
        while true {
            let frame = try nextFrame(.message)
            if let result = try body(VMBus.HostMessage(decoding: frame.payload.wireBytes)) { return result }
        }
    }

    private func nextFrame(_ type: FrameType) throws -> Received {
        while true {
            let frame = try nextFrame()
            if frame.type == type { return frame }
            try take(frame)
        }
    }

    /// What comes unasked: events, and completions that nobody waits for.
    private func take(_ frame: Received) throws {
        guard frame.type == .packet, frame.payload.count >= 64,
            frame.payload.integer(at: 0) as UInt16 == PacketType.inBandData.rawValue,
            frame.payload.integer(at: 32) as UInt32 == DXGProtocol.HostMessage.signalGuestEvent.rawValue
        else { return }
        events.insert(frame.payload.integer(at: 40))
    }

    private func nextFrame() throws -> Received {
        while received.count - consumed < FrameHeader.bytes { try receive() }
        let header = received[consumed..<consumed + FrameHeader.bytes]
        let length = Int(Array(header).integer(at: 0) as UInt32)
        let number = Array(header).integer(at: 4) as UInt16
        guard let type = FrameType(rawValue: number) else { throw BenchError("a frame of type \(number)") }
        while received.count - consumed < FrameHeader.bytes + length { try receive() }
        let start = consumed + FrameHeader.bytes
        let payload = Array(received[start..<start + length])
        consumed = start + length
        guard type != .refused else { throw BenchError("the host refuses: \(payload.dropFirst(8).text)") }
        return Received(type: type, payload: payload)
    }

    private func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            sent += try Socket.send(socket.rawValue, sent == 0 ? bytes : Array(bytes[sent...])) ?? 0
        }
    }

    private func receive() throws {
        if consumed == received.count {
            received.removeAll(keepingCapacity: true)
            consumed = 0
        }
        // SAFETY: the kernel writes at most the buffer's length.
        let count = unsafe piece.withUnsafeMutableBytes { unsafe recv(socket.rawValue, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { throw BenchError("the host closed the connection") }
        received += piece[..<count]
    }
}

/// Why a benchmark ended early.
struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension [UInt8] {
    /// The little-endian number at an offset that the caller knows to be inside.
    func integer<Number: FixedWidthInteger>(at offset: Int) -> Number {
        (0..<Number.bitWidth / 8).reduce(0) { $0 | Number(truncatingIfNeeded: self[offset + $1]) << Number(8 * $1) }
    }
}

extension Collection<UInt8> {
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
