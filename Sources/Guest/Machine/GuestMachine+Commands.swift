internal import Carriers
public import DXGProtocol
internal import Synchronization
internal import VMBus

extension GuestMachine {
    /// Sends a command and waits for its reply: the completion's payload with its padding.
    ///
    /// A command to a vGPU needs an adapter. `process` goes into the header.
    public func perform<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, as process: D3DKMTHandle = .none, on adapter: GuestAdapter? = nil
    ) throws(GuestError) -> [UInt8] {
        try begin(request, as: process, on: adapter).wait(until: replyDeadline)
    }

    /// Sends a command; its reply can be waited for later, so that several are under way at once.
    public func begin<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, as process: D3DKMTHandle = .none, on adapter: GuestAdapter? = nil
    ) throws(GuestError) -> PendingReply {
        var request = request
        request.setHeader(process: process)
        let (relid, luid) = try route(Request.channelType, adapter, Request.name)
        return try beginCommand(request.encoded(), named: Self.commandName(Request.self), relid: relid, vgpuLUID: luid)
    }

    /// Sends a command that wants no reply, on the global channel (docs/protocol/semantics.md 1.6).
    public func post<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, as process: D3DKMTHandle, on adapter: GuestAdapter
    ) throws(GuestError) {
        var request = request
        request.setHeader(process: process, isAsync: true)
        try sendPacket(
            CommandEnvelope.encode(
                command: request.encoded(), vgpuLUID: adapter.vgpuLUID, interfaceVersion: interfaceVersion),
            type: .inBandData, transactionID: 0, requestCompletion: false, relid: globalRelid)
    }

    /// Whether the host takes commands without replies and this machine sends them.
    public var sendsAsyncMessages: Bool { asyncMessages.load(ordering: .relaxed) && options.usesAsyncMessages }

    /// Sends a command as bytes, whatever they are, from the 24-byte header on.
    public func beginCommand(
        _ command: [UInt8], named name: String, relid: UInt32, vgpuLUID: LUID
    ) throws(GuestError) -> PendingReply {
        let data = CommandEnvelope.encode(command: command, vgpuLUID: vgpuLUID, interfaceVersion: interfaceVersion)
        return try beginPacketData(data, named: name, relid: relid)
    }

    /// Sends the data of a packet as it is, and waits for the completion later.
    public func beginPacketData(_ data: [UInt8], named name: String, relid: UInt32) throws(GuestError) -> PendingReply {
        try link.ask(name) { (transaction) throws(GuestError) in
            .packet(
                try Self.packet(data, type: .inBandData, transactionID: transaction, requestCompletion: true),
                relid: relid)
        }
    }

    /// Sends the bytes of a packet as they are: descriptor and data. Nobody waits for an answer.
    public func sendRawPacket(_ bytes: [UInt8], relid: UInt32) throws(GuestError) {
        try link.connection.send(.packet(bytes, relid: relid))
    }

    /// The connection, for whoever wants to send what the library does not. Replies with tags that the library did
    /// not give out are counted among the oddities.
    public var connection: FrameConnection { link.connection }

    /// Where a command goes, and the LUID in its extended header.
    func route(
        _ channel: ChannelType, _ adapter: GuestAdapter?, _ name: String
    ) throws(GuestError) -> (relid: UInt32, vgpuLUID: LUID) {
        if channel == .vmToHost { return (globalRelid, .zero) }
        guard let adapter else { throw .invalidRequest("\(name) needs an adapter") }
        return (asyncMessages.load(ordering: .relaxed) ? globalRelid : adapter.relid, adapter.vgpuLUID)
    }

    /// The command's name without the layout's suffix.
    static func commandName<Request: RequestLayout>(_ layout: Request.Type) -> String {
        String(layout.name.prefix { $0 != "." })
    }

    private func sendPacket(
        _ data: [UInt8], type: PacketType, transactionID: UInt64, requestCompletion: Bool, relid: UInt32
    ) throws(GuestError) {
        try link.connection.send(
            .packet(
                try Self.packet(data, type: type, transactionID: transactionID, requestCompletion: requestCompletion),
                relid: relid))
    }

    private static func packet(
        _ data: [UInt8], type: PacketType, transactionID: UInt64, requestCompletion: Bool
    ) throws(GuestError) -> [UInt8] {
        do throws(PacketError) {
            return try Packet.encode(
                type: type, payload: data.wireBytes, transactionID: transactionID, requestCompletion: requestCompletion,
                limit: PacketHeader.maximumPacketSize)
        } catch {
            throw .invalidRequest(error.description)
        }
    }
}

extension GuestMachine {
    /// Sends a command, checks the reply's length against its layout and hands it to `read`.
    func call<Request: RequestLayout, Value>(
        _ request: MessageBuilder<Request>, as process: D3DKMTHandle = .none, on adapter: GuestAdapter? = nil,
        _ read: (MessageView<Request.Reply>) throws -> Value
    ) throws(GuestError) -> Value {
        let bytes = try perform(request, as: process, on: adapter)
        let command = Self.commandName(Request.self)
        do {
            return try read(try MessageView<Request.Reply>(bytes.wireBytes))
        } catch let error as GuestError {
            throw error
        } catch DecodeError.truncated(let needed, let have) {
            throw .shortReply(command: command, needed: needed, have: have)
        } catch {
            throw .unexpected("\(command): \(error)")
        }
    }

    /// Sends a command that is answered by a status, and throws that if it is a failure.
    @discardableResult
    func callForStatus<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, as process: D3DKMTHandle = .none, on adapter: GuestAdapter? = nil
    ) throws(GuestError) -> NTStatus where Request.Reply == StatusReply {
        try call(request, as: process, on: adapter) { reply in
            try Self.check(reply.status, Request.self)
        }
    }

    /// Sends one of the commands that may go without a reply, and does not wait for one then.
    func submit<Request: RequestLayout>(
        _ request: MessageBuilder<Request>, as process: D3DKMTHandle, on adapter: GuestAdapter
    ) throws(GuestError) where Request.Reply == StatusReply {
        if sendsAsyncMessages {
            try post(request, as: process, on: adapter)
        } else {
            try callForStatus(request, as: process, on: adapter)
        }
    }

    /// Throws a status that is a failure.
    @discardableResult
    static func check<Request: RequestLayout>(_ status: NTStatus, _ layout: Request.Type) throws(GuestError) -> NTStatus
    {
        guard status.isSuccess else { throw .status(status, command: commandName(layout)) }
        return status
    }

    /// Throws if a handle is none.
    static func check<Request: RequestLayout>(
        _ handle: D3DKMTHandle, _ layout: Request.Type
    ) throws(GuestError) -> D3DKMTHandle {
        guard handle != .none else { throw .noHandle(command: commandName(layout)) }
        return handle
    }
}
