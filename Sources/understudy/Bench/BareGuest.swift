import CSoftGPU
import Carriers
import DXGProtocol
import Guest
import Linux
import VMBus

/// A guest with nothing in the way: one blocking socket, one thread, no shared memory. What it measures is the host.
/// It trusts the host, which is this program's own.
final class BareGuest {
    /// The reply to ``flushFrame()``: a completion of 4 bytes, padded to 8, behind its descriptor, in a frame.
    static let flushReplyBytes = FrameHeader.bytes + PacketHeader.size + 8

    private let connection: RawConnection
    private var lastTransaction: UInt64 = 0

    private var globalRelid: UInt32 = 0
    private var vgpuRelid: UInt32 = 0
    private let ioBase: UInt64 = 1 << 40
    private var process = D3DKMTHandle.none
    private var device = D3DKMTHandle.none
    private var pagingQueue = D3DKMTHandle.none
    /// Ids of the events that have come.
    private var events: Set<UInt64> = []

    /// Connects, and negotiates up to open channels.
    init(endpoint: Endpoint) throws {
        connection = try RawConnection(endpoint: endpoint)
        try connection.send(Frame.hello(Hello(name: "bench")).bytes)
        guard try nextFrame().header.type == .welcome else { throw BenchError("the host does not welcome the guest") }
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
        try perform(region) { try check($0.status) }
        var open = MessageBuilder<OpenAdapter.Request>()
        open.vmbusInterfaceVersion = InterfaceVersion.v27.rawValue
        open.vmbusLastCompatibleInterfaceVersion = InterfaceVersion.lastCompatible.rawValue
        try perform(open) { try check($0.status) }
        process = try perform(MessageBuilder<CreateProcess.Request>()) { try made($0.hprocess) }
        device = try perform(MessageBuilder<CreateDevice.Request>()) { try made($0.device) }
        var paging = MessageBuilder<CreatePagingQueue.Request>()
        paging.device = device
        pagingQueue = try perform(paging) { try made($0.pagingQueue) }
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
        let allocation = try perform(create) { reply in
            let infos = try reply.allocationInfo(to: create.view)
            return try made(infos.isEmpty ? .none : infos[0].allocation)
        }
        var resident = MessageBuilder<MakeResident.Request>()
        resident.pagingQueue = pagingQueue
        resident.appendAllocations([allocation])
        try perform(resident) { try check($0.status) }
        var map = MessageBuilder<MapGpuVirtualAddress.Request>()
        map.pagingQueue = pagingQueue
        map.allocation = allocation
        map.sizeInPages = (bytes + 4095) / 4096
        map.protectionWrite = true
        let address = try perform(map) { reply in
            try check(reply.status)
            return reply.virtualAddress
        }
        return Memory(allocation: allocation, address: address)
    }

    func destroy(_ memory: Memory) throws {
        var request = MessageBuilder<DestroyAllocation.Request>()
        request.device = device
        request.appendAllocations([memory.allocation])
        try perform(request) { try check($0.status) }
    }

    /// Fills memory that the CPU can see.
    func write(_ bytes: [UInt8], to memory: Memory, at offset: UInt64 = 0) throws {
        try connection.send(Frame.ioWrite(offset: try ioOffset(of: memory) + offset, bytes, tag: 1).bytes)
        let frame = try nextFrame(.ioDone)
        switch try HostFrame(frame.header, frame.payload.wireBytes) {
        case .ioDone(status: 0, _): return
        default: throw BenchError("the IO space is not written")
        }
    }

    func readUInt64(from memory: Memory, at offset: UInt64) throws -> UInt64 {
        try connection.send(Frame.ioRead(ByteRange(start: try ioOffset(of: memory) + offset, length: 8), tag: 1).bytes)
        let frame = try nextFrame(.ioData)
        switch try HostFrame(frame.header, frame.payload.wireBytes) {
        case .ioData(status: 0, let bytes, _): return WireArray<UInt64>(bytes)[0]
        default: throw BenchError("the IO space is not read")
        }
    }

    private func ioOffset(of memory: Memory) throws -> UInt64 {
        var lock = MessageBuilder<Lock2.Request>()
        lock.device = device
        lock.allocation = memory.allocation
        return try perform(lock) { reply in
            try check(reply.status)
            return reply.cpuVisibleBufferOffset - ioBase
        }
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
        queue.context = try perform(context) { try made($0.context) }
        return try perform(queue) { reply in
            try check(reply.status)
            return Queue(handle: try made(reply.hwqueue), fence: try made(reply.hwqueueProgressFence))
        }
    }

    /// Asks for an event at a fence value.
    func expect(_ value: UInt64, of fence: D3DKMTHandle, event: UInt64) throws {
        var wait = MessageBuilder<WaitForSyncObjectFromCpu.Request>()
        wait.device = device
        wait.guestEventPointer = event
        wait.appendObjects([fence])
        wait.appendFenceValues([value])
        try perform(wait) { try check($0.status) }
    }

    /// Submits a command buffer, and waits for the reply and an event that was asked for, in either order.
    func submit(_ address: UInt64, bytes: Int, to queue: Queue, value: UInt64, event: UInt64) throws {
        var submit = MessageBuilder<SubmitCommandToHwQueue.Request>()
        submit.hwqueue = queue.handle
        submit.hwqueueProgressFenceId = value
        submit.commandBuffer = address
        submit.commandLength = UInt32(bytes)
        let transaction = try post(submit)
        var isAnswered = false
        while !isAnswered || !events.contains(event) {
            guard let reply = try take(try nextFrame(), waitingFor: transaction) else { continue }
            try check(try MessageView<StatusReply>(reply.wireBytes).status)
            isAnswered = true
        }
        events.remove(event)
    }

    // MARK: Commands

    /// A complete frame with a command that has no effect, to be sent as it is again and again.
    func flushFrame() throws -> [UInt8] { try frame(MessageBuilder<FlushHeapTransitions.Request>()) }

    /// Sends such a frame and waits for the reply.
    func roundTrip(_ flushFrame: [UInt8]) throws {
        try connection.roundTrip(flushFrame, replyBytes: Self.flushReplyBytes)
    }

    private func perform<Request: RequestLayout, Value>(
        _ request: MessageBuilder<Request>, _ read: (MessageView<Request.Reply>) throws -> Value
    ) throws -> Value {
        let transaction = try post(request)
        while true {
            guard let reply = try take(try nextFrame(), waitingFor: transaction) else { continue }
            return try read(try MessageView<Request.Reply>(reply.wireBytes))
        }
    }

    /// Sends a command and returns its transaction id.
    private func post<Request: RequestLayout>(_ request: MessageBuilder<Request>) throws -> UInt64 {
        try connection.send(try frame(request))
        return lastTransaction
    }

    private func frame<Request: RequestLayout>(_ request: MessageBuilder<Request>) throws -> [UInt8] {
        var request = request
        request.setHeader(process: process)
        lastTransaction += 1
        let packet = try Packet.encode(
            type: .inBandData, payload: request.encoded().wireBytes, transactionID: lastTransaction,
            requestCompletion: true)
        return Frame.packet(packet, relid: Request.channelType == .vmToHost ? globalRelid : vgpuRelid).bytes
    }

    private func made(_ handle: D3DKMTHandle) throws -> D3DKMTHandle {
        guard handle != .none else { throw BenchError("an object was not made") }
        return handle
    }

    private func check(_ status: NTStatus) throws {
        guard status.isSuccess else { throw BenchError("a command failed with \(status)") }
    }

    // MARK: Frames

    private struct Received {
        let header: FrameHeader
        let payload: [UInt8]
    }

    private func post(_ message: GuestMessage) throws { try connection.send(Frame.message(message.encoded()).bytes) }

    private func waitForMessage(_ body: (VMBus.HostMessage) throws -> Bool?) throws -> Bool {
        while true {
            let frame = try nextFrame(.message)
            if let result = try body(VMBus.HostMessage(decoding: frame.payload.wireBytes)) { return result }
        }
    }

    private func nextFrame(_ type: FrameType) throws -> Received {
        while true {
            let frame = try nextFrame()
            if frame.header.type == type { return frame }
            _ = try take(frame)
        }
    }

    private func nextFrame() throws -> Received {
        let head = try connection.take(FrameHeader.bytes)
        let header = try FrameHeader(decoding: head.wireBytes)
        let frame = Received(header: header, payload: try connection.take(header.payloadBytes))
        switch try HostFrame(frame.header, frame.payload.wireBytes) {
        case .refused(_, let text): throw BenchError("the host refuses: \(text)")
        default: return frame
        }
    }

    /// Keeps events, and returns the reply to a transaction if the frame has it.
    private func take(_ frame: Received, waitingFor transaction: UInt64? = nil) throws -> [UInt8]? {
        guard frame.header.type == .packet else { return nil }
        let packet = try Packet(frame.payload.wireBytes)
        switch packet.header.type {
        case .completion:
            return packet.header.transactionID == transaction ? [UInt8](wireBytes: packet.payload) : nil
        default:
            let header = try CommandHeader(packet.payload)
            if header.commandType == DXGProtocol.HostMessage.signalGuestEvent.rawValue {
                events.insert(try MessageView<SignalGuestEvent.Message>(packet.payload).event)
            }
            return nil
        }
    }
}
