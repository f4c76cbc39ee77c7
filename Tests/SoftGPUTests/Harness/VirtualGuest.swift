import DXGProtocol
import Testing
import VMBus

@testable import SoftGPU

/// A guest's driver in a test: sends commands as Linux does, keeps the replies, and counts events.
final class VirtualGuest {
    unowned let host: TestHost
    let id: GuestID
    let version: InterfaceVersion
    let options: GuestOptions
    var windowBase: UInt64 = 0xf900_0000
    /// By virtual GPU.
    private(set) var adapterHandles: [D3DKMTHandle] = []
    private var replies: [UInt64: [UInt8]] = [:]
    private(set) var lastTransaction: UInt64 = 0
    private var lastEvent: UInt64 = 1
    /// In the order of their arrival.
    private(set) var events: [UInt64] = []
    /// Cookies of SETGUESTDATA.
    private(set) var stateChanges: [UInt64] = []
    /// Events and cookies in one sequence, to check their order.
    private(set) var notifications: [Notification] = []
    /// Is told of every reply that comes at once: the process that asked, the command, and the reply's bytes.
    var onReply: ((D3DKMTHandle, String, [UInt8]?) -> Void)?

    enum Notification: Hashable {
        case event(UInt64)
        case stateChange(UInt64)
    }

    init(host: TestHost, id: GuestID, version: InterfaceVersion, options: GuestOptions) {
        self.host = host
        self.id = id
        self.version = version
        self.options = options
    }

    /// The reply to a command: its bytes, and its fields where it has its full size.
    struct Answer<Layout: MessageLayout> {
        /// nil while the answer has not come.
        let bytes: [UInt8]?
        var fields: MessageBuilder<Layout> {
            guard let bytes, bytes.count >= Layout.fixedSize else {
                Issue.record("\(Layout.name) came with \(bytes?.count ?? -1) bytes")
                return MessageBuilder()
            }
            return MessageBuilder(decoding: bytes)
        }
        /// The refusal of a command without a status.
        var isShort: Bool { bytes?.isEmpty ?? false }
    }

    // MARK: Sending

    /// Sends a request and gives its reply, whose length is checked against what the driver insists on.
    @discardableResult
    func call<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, process: D3DKMTHandle = .none, adapter: Int = 0
    ) -> Answer<Request.Reply> {
        var request = request
        request.setHeader(process: process)
        let bytes = request.encoded()
        let view = MessageBuilder<Request>(decoding: bytes)
        let required = Int(view.view.requiredReplyLength(under: version))
        let reply = send(
            bytes, on: Request.channelType == .vmToHost ? .global : .vgpu(adapter), adapter: adapter)
        if let reply, !reply.isEmpty, reply.count != required {
            Issue.record("\(Request.name) is answered with \(reply.count) bytes, not \(required)")
        }
        onReply?(process, Request.name, reply)
        return Answer(bytes: reply)
    }

    /// Sends a request whose reply is a status.
    @discardableResult
    func status<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, process: D3DKMTHandle = .none, adapter: Int = 0
    ) -> NTStatus where Request.Reply == StatusReply {
        call(request, process: process, adapter: adapter).fields.status
    }

    /// Sends a request that asks for no reply: by the global channel, as with asynchronous messages.
    func post<Request: RequestLayout>(_ request: MessageBuilder<Request>, process: D3DKMTHandle, adapter: Int = 0) {
        var request = request
        request.setHeader(process: process, isAsync: true)
        host.receive(
            packet(request.encoded(), adapter: adapter), from: self, on: .global, transaction: nil)
    }

    /// Sends a command's bytes, and gives its reply if it came at once.
    func send(_ command: [UInt8], on channel: Channel, adapter: Int = 0) -> [UInt8]? {
        lastTransaction += 1
        let transaction = lastTransaction
        host.receive(
            packet(command, adapter: channel == .global ? nil : adapter), from: self, on: channel,
            transaction: transaction)
        return replies.removeValue(forKey: transaction)
    }

    /// The reply to the last request, if it came later than the request.
    func takeLateReply() -> [UInt8]? { takeReply(lastTransaction) }

    /// The reply to a request that was not answered at once.
    func takeReply(_ transaction: UInt64) -> [UInt8]? { replies.removeValue(forKey: transaction) }

    /// A packet's payload: extended header, command, padding to 8 bytes.
    private func packet(_ command: [UInt8], adapter: Int?) -> [UInt8] {
        let luid = adapter.map { options.adapters[$0].vgpuLUID } ?? .zero
        var data = CommandEnvelope.encode(command: command, vgpuLUID: luid, interfaceVersion: version)
        while data.count % 8 != 0 { data.append(0) }
        return data
    }

    // MARK: Receiving

    func completed(_ transaction: UInt64, _ bytes: [UInt8]) { replies[transaction] = bytes }

    func notified(_ bytes: [UInt8]) {
        let message = MessageBuilder<SignalGuestEvent.Message>(decoding: bytes)
        switch HostMessage(rawValue: message.header.commandType) {
        case .signalGuestEvent:
            events.append(message.event)
            notifications.append(.event(message.event))
        case .setGuestData:
            let data = MessageBuilder<SetGuestData.Message>(decoding: bytes)
            #expect(data.dataType == 0 && data.data32 == 1)
            stateChanges.append(data.guestPointer)
            notifications.append(.stateChange(data.guestPointer))
        default: Issue.record("an unexpected notification of type \(message.header.commandType)")
        }
    }

    func forgetNotifications() {
        events.removeAll()
        stateChanges.removeAll()
        notifications.removeAll()
    }

    /// A new event id; Linux has one counter for all kinds, and the first one seen is 2.
    func newEvent() -> UInt64 {
        lastEvent += 1
        return lastEvent
    }

    // MARK: Start

    /// What the driver sends when it is loaded (docs/protocol/semantics.md 1.1).
    func startUp() {
        #expect(announceWindow() == .success)
        for index in options.adapters.indices {
            let opened = openAdapter(index).fields
            #expect(opened.status == .success)
            #expect(opened.hostAdapterHandle.unique == 2)
            call(MessageBuilder<GetInternalAdapterInfo.Request>(), adapter: index)
        }
    }

    func announceWindow(base: UInt64? = nil, length: UInt64? = nil) -> NTStatus {
        var request = MessageBuilder<SetIoSpaceRegion.Request>()
        request.start = base ?? windowBase
        request.length = length ?? options.ioSpaceBytes
        return status(request)
    }

    @discardableResult
    func openAdapter(_ index: Int = 0) -> Answer<OpenAdapter.Reply> {
        var request = MessageBuilder<OpenAdapter.Request>()
        request.vmbusInterfaceVersion = version.rawValue
        request.vmbusLastCompatibleInterfaceVersion = 16
        let answer = call(request, adapter: index)
        if index == adapterHandles.count { adapterHandles.append(answer.fields.hostAdapterHandle) }
        return answer
    }

    func closeAdapter(_ index: Int = 0) {
        var request = MessageBuilder<CloseAdapter.Request>()
        request.hostHandle = adapterHandles[index]
        call(request, adapter: index)
    }

    func createProcess(pid: UInt64 = 4711, name: String = "test") -> VirtualProcess {
        var request = MessageBuilder<CreateProcess.Request>()
        request.process = 0xffff_8880_0000_0000
        request.processId = pid
        request.setProcessName(Array(name.utf16))
        request.linuxProcess = true
        return VirtualProcess(guest: self, handle: call(request).fields.hprocess, pid: pid)
    }

    /// The model's side of this guest.
    var machine: VirtualMachine? { host.model.machines[id] }

    /// What a fence's page shows to the guest's CPU.
    func fenceValue(at address: UInt64) -> UInt64 { host.memory(id, address - windowBase) }
}
