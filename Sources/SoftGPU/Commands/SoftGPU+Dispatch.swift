import DXGProtocol

/// From a packet to the handler of its command, and from the handler's answer to the completion.
extension SoftGPU {
    func dispatch(_ data: RawSpan, from machine: VirtualMachine, on channel: Channel, transaction: UInt64?) {
        let completion = transaction.map {
            Completion(guest: machine.id, connection: machine.connection, channel: channel, transaction: $0)
        }
        guard data.byteCount <= Self.maximumMessageLength else {
            reportPacket(machine, "", "a message of \(data.byteCount) bytes")
            return complete(completion, [])
        }
        let envelope: CommandEnvelope
        do throws(DecodeError) {
            envelope = try CommandEnvelope(packetData: data, interfaceVersion: machine.interfaceVersion)
        } catch {
            reportPacket(
                machine, "", "a packet without a command under interface version \(machine.interfaceVersion): \(error)")
            return complete(completion, [])
        }
        let header = envelope.header
        let process = machine.processes[header.process]
        switch (ChannelType(rawValue: UInt32(header.channelType)), channel) {
        case (.vmToHost, .global):
            let call = Call(
                machine: machine, channel: channel, header: header, process: process, adapter: nil,
                completion: completion)
            answerGlobal(envelope.command, call)
        case (.vgpuToHost, _):
            guard let adapter = route(envelope.vgpuLUID, in: machine, on: channel) else {
                reportPacket(machine, "", "a command for vGPU \(envelope.vgpuLUID), which this guest does not have")
                return complete(completion, [])
            }
            let call = Call(
                machine: machine, channel: channel, header: header, process: process, adapter: adapter,
                completion: completion)
            answerVGPU(envelope.command, call)
        default:
            reportPacket(machine, "", "a command of channel type \(header.channelType) on the wrong channel")
            complete(completion, [])
        }
    }

    /// The adapter that a vGPU command is for: the channel's, or on the global channel, where commands travel with
    /// asynchronous messages on, the one that the extended header names (docs/protocol/semantics.md 1.6).
    private func route(_ luid: LUID, in machine: VirtualMachine, on channel: Channel) -> VirtualAdapter? {
        switch channel {
        case .vgpu(let index): machine.adapters.indices.contains(index) ? machine.adapters[index] : nil
        case .global: machine.adapters.first { $0.vgpuLUID == luid }
        }
    }

    /// Answers a request, unless its guest has gone or begun anew since: the transaction would be another's.
    func complete(_ completion: Completion?, _ bytes: [UInt8]) {
        guard let completion, machines[completion.guest]?.connection == completion.connection else { return }
        effects.append(
            .complete(completion.guest, completion.channel, transaction: completion.transaction, bytes))
    }

    /// Decodes a command, runs its handler, and completes it. A handler that gives no bytes answers later itself.
    func answer<Layout: RequestLayout>(
        _ layout: Layout.Type, _ bytes: RawSpan, _ call: Call, failing form: FailureForm,
        _ handler: (MessageView<Layout>, Call) throws(Refusal) -> [UInt8]?
    ) {
        var length = Layout.Reply.size
        do throws(Refusal) {
            let request: MessageView<Layout>
            do throws(DecodeError) {
                request = try MessageView<Layout>(bytes)
            } catch {
                throw .invalid("\(error)")
            }
            let required = request.requiredReplyLength(under: call.machine.interfaceVersion)
            length = Int(min(required, Self.maximumMessageLength))
            guard required <= Self.maximumMessageLength else {
                throw .invalid("a reply of \(required) bytes, which no guest can receive")
            }
            if let reply = try handler(request, call) { complete(call.completion, reply) }
        } catch {
            reportRefusal(Layout.name, error, call)
            complete(call.completion, form.reply(error.status, length: length, to: bytes))
            if call.completion == nil, case .device(let device)? = call.process?.objects[error.device] {
                lose(device, error.status == .noMemory ? .errorOutOfMemory : .errorDmaFault)
            }
        }
    }

    /// Bytes of a message either way: 128 KiB with the packet's descriptor of 16 bytes, which is not seen here
    /// (docs/protocol/semantics.md 1.5).
    private static let maximumMessageLength: UInt64 = 131_072 - 16

    /// The same for a command whose reply is a status alone.
    func answerStatus<Layout: RequestLayout>(
        _ layout: Layout.Type, _ bytes: RawSpan, _ call: Call,
        _ handler: (MessageView<Layout>, Call) throws(Refusal) -> Void
    ) {
        answer(layout, bytes, call, failing: Self.plainStatus) { (request, call) throws(Refusal) in
            try handler(request, call)
            return StatusReply.bytes(.success)
        }
    }

    static let plainStatus = FailureForm.status(offset: 0)

    /// Answers a command that this host does not know or provide (docs/protocol/semantics.md 1.8 and 3).
    func refuse(_ command: String, _ call: Call, _ reason: String) {
        reportRefusal(command, .notSupported(reason), call)
        complete(call.completion, StatusReply.bytes(.notSupported) + [0, 0, 0, 0])
    }

    func reportRefusal(_ command: String, _ refusal: Refusal, _ call: Call) {
        report(.info, call, command, refusal.status, refusal.reason)
    }

    private func reportPacket(_ machine: VirtualMachine, _ command: String, _ reason: String) {
        effects.append(
            .report(
                Diagnostic(
                    severity: .info, guest: machine.id, process: nil, command: command, status: nil, reason: reason)))
    }
}
