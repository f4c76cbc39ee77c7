import DXGProtocol

@testable import SoftGPU

/// A guest's command, decoded anew from its packet, and what was answered in the same step.
struct Exchange {
    let guest: GuestRecord
    let channel: ChannelType
    let number: UInt32
    let processHandle: D3DKMTHandle
    let process: ProcessRecord?
    /// The adapter that a vGPU command is for.
    let adapter: Int?
    /// From its header on, with the packet's padding.
    let command: [UInt8]
    /// nil where there is none yet, or none is wanted.
    let reply: [UInt8]?
    let isPosted: Bool
    /// The log says that the command was refused: all that tells where there is no reply.
    let isReportedRefused: Bool

    /// The command in a packet; nil where none is to be found.
    init?(
        _ packet: [UInt8], from guest: GuestRecord, on channel: Channel, transaction: UInt64?, effects: [Effect]
    ) {
        guard packet.count <= 131_072 - 16,
            let envelope = try? CommandEnvelope(packetData: packet.wireBytes, interfaceVersion: guest.version),
            let type = ChannelType(rawValue: UInt32(envelope.header.channelType))
        else { return nil }
        switch (type, channel) {
        case (.vmToHost, .global): adapter = nil
        case (.vgpuToHost, .vgpu(let index)):
            guard guest.adapterHandles.indices.contains(index) else { return nil }
            adapter = index
        case (.vgpuToHost, .global):
            guard let index = guest.options.adapters.firstIndex(where: { $0.vgpuLUID == envelope.vgpuLUID }) else {
                return nil
            }
            adapter = index
        default: return nil
        }
        self.guest = guest
        self.channel = type
        number = envelope.header.commandType
        processHandle = envelope.header.process
        process = guest.processes[envelope.header.process]
        command = Array(wireBytes: envelope.command)
        isPosted = transaction == nil
        var reply: [UInt8]?
        var isRefused = false
        for effect in effects {
            switch effect {
            case .complete(guest.id, channel, let answered, let bytes) where answered == transaction: reply = bytes
            case .report(let diagnostic):
                if diagnostic.guest == guest.id, let status = diagnostic.status, !status.isSuccess { isRefused = true }
            default: break
            }
        }
        self.reply = reply
        isReportedRefused = isRefused
    }

    /// Reads the request.
    func read<Layout: RequestLayout>(_ layout: Layout.Type, _ body: (MessageView<Layout>) -> Void) {
        guard let view = try? MessageView<Layout>(command.wireBytes) else { return }
        body(view)
    }

    /// The reply, where it has its full size.
    func answer<Layout: MessageLayout>(_ layout: Layout.Type) -> MessageBuilder<Layout>? {
        guard let reply, let view = try? MessageView<Layout>(reply.wireBytes) else { return nil }
        return MessageBuilder(copying: view, byteCount: reply.count)
    }

    /// Whether it makes a synchronization object, alone or with a queue.
    var makesFence: Bool {
        switch channel {
        case .vmToHost: number == GlobalCommand.openSyncObject.rawValue
        case .vgpuToHost:
            [VGPUCommand.createSyncObject, .createPagingQueue, .createHwQueue].contains { $0.rawValue == number }
        default: false
        }
    }

    /// Whether a command whose reply begins with a status was carried out.
    var isCarriedOut: Bool {
        guard let reply else { return !isReportedRefused }
        return answer(StatusReply.self)?.status.isSuccess ?? reply.isEmpty && !isReportedRefused
    }
}
