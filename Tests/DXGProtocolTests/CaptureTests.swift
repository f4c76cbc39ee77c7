import DXGProtocol
import DXGProtocolAccess
import Testing

/// Traffic of the unmodified Linux driver (docs/protocol/findings.md): every packet is understood, and made again from
/// what was understood it has the same bytes.
struct CaptureTests {
    static let captures: [(name: String, version: InterfaceVersion)] = [
        ("version-27", .v27), ("version-40", .v40), ("version-40-async", .v40), ("version-40-gpadl", .v40),
    ]

    /// Bytes that no field describes and that the driver fills with its caller's or with stale memory.
    private func isLeftover(_ offset: Int, of name: String, in command: [UInt8]) throws -> Bool {
        switch name {
        // The hole at the end of the caller's arguments (docs/protocol/findings.md 2).
        case "CreatePagingQueue": (52..<56).contains(offset)
        // Page numbers behind the last one that counts are those of the message before.
        case "SetExistingSysMemPages":
            try offset >= 40 + 8 * Int(MessageView<SetExistingSysMemPages.Request>(command.wireBytes).numPages)
        default: false
        }
    }

    @Test(arguments: captures)
    func commandsAreMadeAgain(capture: (name: String, version: InterfaceVersion)) throws {
        var seen = Set<String>()
        for packet in try CapturedPacket.read(capture.name) where packet.isGuestCommand {
            let data = Array(packet.packet[16...])
            let envelope = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: capture.version)
            let channel = try #require(ChannelType(rawValue: UInt32(envelope.header.channelType)))
            let message = try #require(MessageTable.message(channel, envelope.header.commandType))
            let command = [UInt8](wireBytes: envelope.command)
            let access = try #require(Accesses.named(message.name + ".Request"))
            seen.insert(message.name)
            #expect(packet.note?.hasPrefix(message.name.uppercased()) != false, "\(packet.note ?? "")")

            var made = try access.reencode(command, answering: [])
            let header = MessageBuilder<VGPUCommandHeader>(header: envelope.header)
            made.replaceSubrange(0..<24, with: header.bytes)
            let enveloped = CommandEnvelope.encode(
                command: made, vgpuLUID: envelope.vgpuLUID, interfaceVersion: capture.version)
            let padding = (8 - enveloped.count % 8) % 8
            let offset = capture.version.hasExtendedHeader ? 16 : 0
            let padded = enveloped + [UInt8](repeating: 0, count: padding)
            try #require(padded.count == data.count, "\(message.name): made \(padded.count), sent \(data.count)")
            for index in padded.indices where padded[index] != data[index] {
                #expect(
                    try isLeftover(index - offset, of: message.name, in: command),
                    "\(message.name): byte \(index - offset) is \(data[index]), made \(padded[index])")
            }
            let asks = packet.packet[6] & 1 == 1
            #expect(asks != envelope.header.isAsync, "\(message.name)")
        }
        let described = Set(MessageTable.all.map(\.name))
        let never: Set = ["IsFeatureEnabledGlobal"]
        let other: Set = [
            capture.name.hasSuffix("gpadl") || capture.version == .v27
                ? "SetExistingSysMemPages" : "SetExistingSysMemStore"
        ]
        #expect(described.subtracting(seen) == never.union(other))
    }

    @Test(arguments: captures)
    func repliesAreMadeAgain(capture: (name: String, version: InterfaceVersion)) throws {
        var waiting: [String: (name: String, request: [UInt8])] = [:]
        var answered = 0
        for packet in try CapturedPacket.read(capture.name) {
            let key = "\(packet.channel) \(packet.raw == nil ? [] : packet.transaction)"
            if packet.isGuestCommand {
                let data = Array(packet.packet[16...])
                let envelope = try CommandEnvelope(packetData: data.wireBytes, interfaceVersion: capture.version)
                let channel = try #require(ChannelType(rawValue: UInt32(envelope.header.channelType)))
                let message = try #require(MessageTable.message(channel, envelope.header.commandType))
                if !envelope.header.isAsync { waiting[key] = (message.name, [UInt8](wireBytes: envelope.command)) }
            } else if packet.isCompletion {
                let question = waiting.removeValue(forKey: key)
                let (name, request) = try #require(question, "\(packet.note ?? "")")
                answered += 1
                let versioned = capture.version == .v27 ? Accesses.named(name + ".Reply27") : nil
                guard let access = versioned ?? Accesses.named(name + ".Reply") else { continue }
                let reply = Array(packet.packet[16...])
                var made = try access.reencode(reply, answering: request)
                made += [UInt8](repeating: 0, count: max(0, reply.count - made.count))
                #expect(made == reply, "\(name)")
            }
        }
        #expect(waiting.isEmpty)
        #expect(answered > 150)
    }

    @Test(arguments: captures)
    func echoedRepliesAreRequests(capture: (name: String, version: InterfaceVersion)) throws {
        var count = 0
        for packet in try CapturedPacket.read(capture.name) where packet.isCompletion {
            let reply = Array(packet.packet[16...])
            if packet.note == "reply CREATECONTEXTVIRTUAL" {
                let view = try MessageView<CreateContextVirtual.Reply>(reply.wireBytes)
                #expect(view.context != .none && view.device != .none)
                count += 1
            } else if packet.note == "reply CREATEHWQUEUE" {
                let view = try MessageView<CreateHwQueue.Reply>(reply.wireBytes)
                #expect(view.status == .success && view.hwqueue != .none && view.hwqueueProgressFence != .none)
                count += 1
            }
        }
        #expect(count == 6)
    }

    @Test(arguments: captures)
    func hostMessagesAreUnderstood(capture: (name: String, version: InterfaceVersion)) throws {
        var signals = 0
        for packet in try CapturedPacket.read(capture.name)
        where packet.dir == "h2g" && packet.channel == "global" && packet.packet[0] == 6 {
            let data = Array(packet.packet[16...])
            let header = try CommandHeader(data.wireBytes)
            #expect(header.channelType == UInt8(ChannelType.hostToVm.rawValue))
            switch HostMessage(rawValue: header.commandType) {
            case .signalGuestEvent:
                let view = try MessageView<SignalGuestEvent.Message>(data.wireBytes)
                #expect(view.event != 0)
                signals += 1
            case .setGuestData:
                let view = try MessageView<SetGuestData.Message>(data.wireBytes)
                #expect(view.guestPointer != 0 && view.dataType == 0 && view.data32 != 0)
            default:
                Issue.record("message \(header.commandType)")
            }
        }
        #expect(signals > 5)
    }
}

extension MessageBuilder where Layout == VGPUCommandHeader {
    fileprivate init(header: CommandHeader) {
        self.init()
        commandId = header.commandID
        process = header.process
        channelType = UInt32(header.channelType)
        asyncMsg = header.isAsync
        commandType = header.commandType
    }
}
