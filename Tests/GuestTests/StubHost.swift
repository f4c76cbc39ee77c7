import Carriers
import DXGProtocol
import Linux
import Synchronization
import VMBus

@testable import Guest

/// The other end of a guest's connection: the carrier, VMBus and configuration space as a host has them, and answers to
/// commands that a test chooses. Without a choice a command is answered by zeros of the length that is required.
final class StubHost: Sendable {
    /// How the host behaves.
    struct Behaviour: Sendable {
        var grants: CarrierFeatures = [.sharedMemory, .sharedIOSpace]
        var busMaximum = ProtocolVersion.v5_3
        var interfaceVersion: UInt32 = 40
        var hostCapabilities: ConfigurationSpace.HostCapabilities = .mapGuestMemory
        var asyncMessages = false
        var adapters: UInt32 = 1
        var ioSpaceBytes: UInt64 = 16 << 20
        var refusal: (code: UInt32, text: String)?
    }

    /// A command as it came.
    struct Command: Sendable {
        let relid: UInt32
        let header: CommandHeader
        let vgpuLUID: LUID
        let bytes: [UInt8]
        let wantsCompletion: Bool
        let transactionID: UInt64

        var name: String {
            ChannelType(rawValue: UInt32(header.channelType))
                .flatMap { MessageTable.message($0, header.commandType)?.name } ?? "\(header.commandType)"
        }
    }

    /// What a test does with a command: the reply, or nothing for no reply.
    typealias Handler = @Sendable (StubHost, Command) -> [UInt8]?

    let behaviour: Behaviour
    let connection: FrameConnection
    let ioSpace: SharedMemory
    private let state = Mutex(State())
    private let seen = Monitor<[Command]>([])
    private let handlers: [String: Handler]

    private struct State {
        var bus = VMBusServer()
        var functions: [ConfigurationSpace] = []
        var interfaceVersion = InterfaceVersion.v27
        var hello: Hello?
        var regions: [MemoryRegion] = []
        var gpadls: [UInt32: [GuestPhysicalRange]] = [:]
        var watched: [ByteRange] = []
        var answers: [ReceivedFrame] = []
        var violations: [String] = []
        var nextHandle: UInt32 = 1
        var controlMessages: [GuestMessage] = []
    }

    /// Starts a host on one end of a socket pair and gives it with the other end.
    static func start(
        _ behaviour: Behaviour = Behaviour(), handlers: [String: Handler] = [:]
    ) throws -> (host: StubHost, guest: FrameConnection) {
        let pair = try SocketPair(.stream, nonBlocking: false)
        let first = pair.first
        let second = pair.second
        let host = StubHost(
            FrameConnection(adopting: first), behaviour, handlers,
            try SharedMemory(name: "io space", bytes: behaviour.ioSpaceBytes))
        _ = try ServiceThread { host.serve() }
        return (host, FrameConnection(adopting: second))
    }

    private init(
        _ connection: FrameConnection, _ behaviour: Behaviour, _ handlers: [String: Handler], _ ioSpace: SharedMemory
    ) {
        self.connection = connection
        self.behaviour = behaviour
        self.handlers = handlers
        self.ioSpace = ioSpace
        state.withLock { state in
            var configuration = VMBusServer.Configuration()
            configuration.maximumVersion = behaviour.busMaximum
            state.bus = VMBusServer(configuration: configuration)
            var actions: [VMBusAction] = []
            try? state.bus.offer(
                .dxgGlobal(
                    instance: GUID(1, 2, 3, 4), ioSpaceMegabytes: UInt16(behaviour.ioSpaceBytes >> 20)), into: &actions)
            for number in 0..<behaviour.adapters {
                let instance = GUID(0xA000 + number, 1, 2, 3)
                try? state.bus.offer(.dxgVGPU(instance: instance), into: &actions)
                state.functions.append(
                    ConfigurationSpace(
                        function: .render, channelInstance: instance, vgpuLUID: Self.luid(number).wire,
                        hostCapabilities: behaviour.hostCapabilities, interfaceVersion: behaviour.interfaceVersion))
            }
        }
    }

    static func luid(_ adapter: UInt32) -> LUID { LUID(low: 0x700 + adapter, high: 1) }

    // MARK: What tests look at

    /// The commands so far.
    var commands: [Command] { seen.read { $0 } }

    /// Waits until a command of this name has come, `count` times.
    func waitForCommand(_ name: String, count: Int = 1) -> Command {
        seen.wait(until: .never) { commands in
            let matching = commands.filter { $0.name == name }
            return matching.count >= count ? matching[count - 1] : nil
        }!
    }

    var hello: Hello? { state.withLock { $0.hello } }
    var regions: [MemoryRegion] { state.withLock { $0.regions } }
    var gpadls: [UInt32: [GuestPhysicalRange]] { state.withLock { $0.gpadls } }
    var watched: [ByteRange] { state.withLock { $0.watched } }
    var answers: [ReceivedFrame] { state.withLock { $0.answers } }
    var violations: [String] { state.withLock { $0.violations } }
    var controlMessages: [GuestMessage] { state.withLock { $0.controlMessages } }

    /// A new handle of unique 1.
    func makeHandle() -> D3DKMTHandle {
        state.withLock { state in
            defer { state.nextHandle += 1 }
            return D3DKMTHandle(index: state.nextHandle, unique: 1)
        }
    }

    // MARK: What tests do

    /// Completes a command.
    func complete(_ command: Command, _ reply: [UInt8]) {
        let packet = try? Packet.encode(
            type: .completion, payload: reply.wireBytes, transactionID: command.transactionID)
        try? connection.send(.packet(packet ?? [], relid: command.relid))
    }

    /// Sends a message of the host on the global channel.
    func sendHostMessage<Layout: CommandLayout>(_ message: MessageBuilder<Layout>) {
        var message = message
        message.setHeader()
        let packet = try? Packet.encode(type: .inBandData, payload: message.bytes.wireBytes, transactionID: 0)
        try? connection.send(.packet(packet ?? [], relid: globalRelid))
    }

    /// The number of the global channel, once it was offered.
    var globalRelid: UInt32 {
        state.withLock { state in
            state.bus.channelSummaries.first { $0.key.interfaceType == .dxgGlobalChannel }?.relid ?? 0
        }
    }

    func signal(event: UInt64) {
        var message = MessageBuilder<SignalGuestEvent.Message>()
        message.event = event
        sendHostMessage(message)
    }

    func send(_ frame: Frame) { try? connection.send(frame) }

    // MARK: Serving

    private func serve() {
        let reader = FrameReader(connection)
        while let frame = try? reader.next() {
            while let descriptor = reader.takeDescriptor() { _ = consume descriptor }
            do {
                try take(GuestFrame(frame.header, frame.payload.wireBytes), frame)
            } catch {
                state.withLock { $0.violations.append("\(error)") }
            }
        }
    }

    private func take(_ frame: consuming GuestFrame, _ received: ReceivedFrame) {
        switch consume frame {
        case .hello(let hello): welcome(hello)
        case .message(let bytes): take(message: bytes)
        case .packet(let bytes, let relid): take(packet: bytes, relid)
        case .configurationRead(let address, let tag):
            let value = state.withLock {
                $0.functions[Int(address.function)].read(offset: Int(address.offset), width: Int(address.width))
            }
            send(.configurationValue(value, tag: tag))
        case .configurationWrite(let address, let value, let tag):
            state.withLock {
                $0.functions[Int(address.function)].write(
                    offset: Int(address.offset), width: Int(address.width), value: value)
                $0.interfaceVersion = InterfaceVersion(rawValue: $0.functions[0].negotiatedInterfaceVersion)
            }
            send(.configurationValue(0, tag: tag))
        case .ioRead(let range, let tag):
            let bytes = try? ioSpace.read(at: range.start, count: Int(range.length))
            send(.ioData(status: bytes == nil ? -14 : 0, bytes ?? [], tag: tag))
        case .ioWrite(let offset, let bytes, let tag):
            try? ioSpace.write([UInt8](copying: bytes), at: offset)
            send(.ioDone(status: 0, tag: tag))
        case .ioWatch(let range, let isOn):
            state.withLock { state in
                if isOn { state.watched.append(range) } else { state.watched.removeAll { $0 == range } }
            }
        case .shareMemory(let regions): state.withLock { $0.regions = regions }
        case .ping(let bytes, let tag): send(.pong([UInt8](copying: bytes), tag: tag))
        case .memoryData, .memoryDone, .pong: state.withLock { $0.answers.append(received) }
        case .doorbell, .channelEvents: state.withLock { $0.violations.append("rings are not offered") }
        }
    }

    private func welcome(_ hello: Hello) {
        state.withLock { $0.hello = hello }
        if let refusal = behaviour.refusal {
            send(.refused(RefusalCode(rawValue: refusal.code), text: refusal.text))
            connection.shutDown()
            return
        }
        let granted = behaviour.grants.intersection(hello.wantedFeatures)
        send(
            .welcome(
                Welcome(
                    grantedFeatures: granted, guestID: GUID(9, 9, 9, 9), ioSpaceBytes: ioSpace.bytes,
                    functionCount: behaviour.adapters)))
        if granted.contains(.sharedIOSpace) {
            try? connection.send(.ioSpace(bytes: ioSpace.bytes), descriptors: [ioSpace.descriptor.rawValue])
        }
    }

    private func take(message bytes: RawSpan) {
        var actions: [VMBusAction] = []
        state.withLock { state in
            if let message = try? GuestMessage(decoding: bytes) { state.controlMessages.append(message) }
            state.bus.receive(bytes, into: &actions)
        }
        while !actions.isEmpty { perform(actions.removeFirst(), &actions) }
    }

    private func perform(_ action: VMBusAction, _ actions: inout [VMBusAction]) {
        switch action {
        case .send(let message): send(.message(message.encoded()))
        case .open(let opening):
            state.withLock { $0.bus.channelOpened(relid: opening.relid, success: true, into: &actions) }
        case .close(_, let relid): state.withLock { $0.bus.channelClosed(relid: relid, into: &actions) }
        case .gpadlCreated(let id, _, let ranges): state.withLock { $0.gpadls[id] = ranges }
        case .gpadlTornDown(let id): state.withLock { $0.gpadls[id] = nil }
        case .protocolError(let error): state.withLock { $0.violations.append(error.description) }
        case .connected, .modify, .reset: break
        }
    }

    private func take(packet bytes: RawSpan, _ relid: UInt32) {
        let version = state.withLock { $0.interfaceVersion }
        do {
            let packet = try Packet(bytes)
            let envelope = try CommandEnvelope(packetData: packet.payload, interfaceVersion: version)
            let command = Command(
                relid: relid, header: envelope.header, vgpuLUID: envelope.vgpuLUID,
                bytes: [UInt8](copying: envelope.command), wantsCompletion: packet.header.requestsCompletion,
                transactionID: packet.header.transactionID)
            seen.update { $0.append(command) }
            let reply = (handlers[command.name] ?? defaultHandler(command.name))(self, command)
            if let reply, command.wantsCompletion { complete(command, reply) }
        } catch {
            state.withLock { $0.violations.append("\(error)") }
        }
    }

    private func defaultHandler(_ name: String) -> Handler {
        switch name {
        case "CreateProcess", "CreateDevice": { host, _ in MessageBuilder<HandleReply>(host.makeHandle()).bytes }
        case "OpenAdapter":
            { host, _ in
                var reply = MessageBuilder<OpenAdapter.Reply>()
                reply.hostAdapterHandle = D3DKMTHandle(index: 1, unique: 2)
                reply.vmbusInterfaceVersion = host.behaviour.interfaceVersion
                return reply.bytes
            }
        case "GetInternalAdapterInfo":
            { host, command in
                var reply = MessageBuilder<GetInternalAdapterInfo.Reply>()
                reply.asyncMsgEnabled = host.behaviour.asyncMessages
                reply.hostAdapterLuid = LUID(low: 5, high: 6)
                reply.hostVgpuLuid = command.vgpuLUID
                reply.setDeviceDescription(Array("Stub".utf16))
                return command.vgpuLUID == .zero ? Array(reply.bytes.prefix(704)) : reply.bytes
            }
        default: { _, _ in [UInt8](repeating: 0, count: 1024) }
        }
    }
}
