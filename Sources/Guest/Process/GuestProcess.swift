public import DXGProtocol

/// A process of the guest that has opened the GPU, and its view of one adapter. The calls have the names of the D3DKMT
/// functions; each is one command, sent and answered before it returns.
///
/// It is a value: copies name the same process. The host forgets the process at `destroy`.
public struct GuestProcess: Sendable {
    /// The machine that the process runs on.
    public let machine: GuestMachine

    /// The process's handle, which goes into the header of its commands.
    public let handle: D3DKMTHandle

    /// The number that the guest knows the process by.
    public let id: UInt64

    /// The adapter that calls go to.
    public let adapter: GuestAdapter

    /// Makes a process (CREATEPROCESS) that uses an adapter, the first one unless told otherwise.
    public init(
        _ machine: GuestMachine, id: UInt64, name: String = "guest", adapter: GuestAdapter? = nil
    ) throws(GuestError) {
        guard let adapter = adapter ?? machine.adapters.first else {
            throw .unexpected("the host offers no adapter")
        }
        var request = MessageBuilder<CreateProcess.Request>()
        // The Linux driver gives the address of its own structure; a label for the host.
        request.process = 0xFFFF_8880_0010_0000 &+ id &* 0x1000
        request.processId = id
        // One unit for each byte of the name, NUL at the end.
        request.setProcessName(name.utf8.prefix(260).map(UInt16.init))
        request.linuxProcess = true
        self.machine = machine
        self.id = id
        self.adapter = adapter
        handle = try machine.call(request) { reply in
            try GuestMachine.check(reply.hprocess, CreateProcess.Request.self)
        }
    }

    private init(_ other: GuestProcess, adapter: GuestAdapter) {
        machine = other.machine
        handle = other.handle
        id = other.id
        self.adapter = adapter
    }

    /// The same process on another adapter.
    public func using(_ adapter: GuestAdapter) -> GuestProcess { GuestProcess(self, adapter: adapter) }

    /// Ends the process (DESTROYPROCESS): the host releases all that it owns.
    public func destroy() throws(GuestError) {
        try machine.callForStatus(MessageBuilder<DestroyProcess.Request>(), as: handle)
        machine.tearDownGPADLs { $0.process == handle }
    }

    /// Sends a command of this process and hands its checked reply to `read`.
    func call<Request: RequestLayout, Value>(
        _ request: MessageBuilder<Request>, _ read: (MessageView<Request.Reply>) throws -> Value
    ) throws(GuestError) -> Value {
        try machine.call(request, as: handle, on: adapter, read)
    }

    /// Sends a command that is answered by a status, and throws that if it is a failure.
    @discardableResult
    func callForStatus<Request: RequestLayout>(
        _ request: MessageBuilder<Request>
    ) throws(GuestError) -> NTStatus where Request.Reply == StatusReply {
        try machine.callForStatus(request, as: handle, on: adapter)
    }

    /// Sends one of the commands that may go without a reply.
    func submit<Request: RequestLayout>(
        _ request: MessageBuilder<Request>
    ) throws(GuestError) where Request.Reply == StatusReply {
        try machine.submit(request, as: handle, on: adapter)
    }
}
