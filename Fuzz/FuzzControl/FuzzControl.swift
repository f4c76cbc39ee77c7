internal import VMBus

/// libFuzzer's entry: a guest that sends whatever control messages, packets and configuration accesses the input holds.
///
/// The input is a list of steps, each a byte that chooses what happens and a byte with the length of its bytes.
@c(LLVMFuzzerTestOneInput)
public func fuzzControl(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer passes `count` readable bytes that stay for the call; the copy is all that is used.
    let input = unsafe [UInt8](UnsafeBufferPointer(start: data, count: count))
    var session = FuzzedSession()
    session.run(input)
    return 0
}

/// A server with two offers whose devices answer when the input says so.
private struct FuzzedSession {
    private var server: VMBusServer
    private var space = ConfigurationSpace(
        function: .render, channelInstance: GUID(1, 2, 3, 4), vgpuLUID: 5, hostCapabilities: .mapGuestMemory)
    private var opening: [UInt32] = []
    private var closing: [UInt32] = []

    init() {
        var configuration = VMBusServer.Configuration()
        configuration.limits.maximumGPADLs = 32
        configuration.limits.maximumTotalPages = 16_384
        server = VMBusServer(configuration: configuration)
        offer(.dxgGlobal(instance: GUID(1, 0, 0, 0), ioSpaceMegabytes: 32))
        offer(.dxgVGPU(instance: GUID(2, 0, 0, 0)))
    }

    mutating func run(_ input: [UInt8]) {
        var rest = input[...]
        while let choice = rest.popFirst(), let length = rest.popFirst() {
            let bytes = Array(rest.prefix(Int(length)))
            rest = rest.dropFirst(bytes.count)
            step(choice, bytes)
            precondition(server.gpadlCount <= server.configuration.limits.maximumGPADLs)
            precondition(server.describedPages <= server.configuration.limits.maximumTotalPages)
        }
    }

    private mutating func step(_ choice: UInt8, _ bytes: [UInt8]) {
        var actions: [VMBusAction] = []
        switch choice % 16 {
        case 0: server.disconnect(into: &actions)
        case 1:
            server.rescind(
                server.channelSummaries.first?.key ?? OfferKey(interfaceType: .zero, instance: .zero), into: &actions)
        case 2: offer(.dxgVGPU(instance: GUID(UInt32(bytes.first ?? 2), 0, 0, 0)))
        case 3: answer(success: true)
        case 4: answer(success: false)
        case 5: parsePacket(bytes)
        case 6: configure(bytes)
        case 7: parseHostMessage(bytes)
        default: server.receive(unsafe bytes.span.bytes, into: &actions)
        }
        observe(actions)
    }

    private mutating func offer(_ offer: ChannelOffer) {
        var actions: [VMBusAction] = []
        try? server.offer(offer, into: &actions)
        observe(actions)
    }

    private mutating func answer(success: Bool) {
        var actions: [VMBusAction] = []
        if let relid = opening.popLast() {
            server.channelOpened(relid: relid, success: success, into: &actions)
        } else if let relid = closing.popLast() {
            server.channelClosed(relid: relid, into: &actions)
        }
        observe(actions)
    }

    private func parsePacket(_ bytes: [UInt8]) {
        if let packet = try? Packet(unsafe bytes.span.bytes) {
            precondition(packet.payload.byteCount == packet.header.length - packet.header.dataOffset)
        }
    }

    private func parseHostMessage(_ bytes: [UInt8]) {
        if let message = try? HostMessage(decoding: unsafe bytes.span.bytes) {
            precondition(message.encoded().count == message.type.size)
        }
    }

    private mutating func configure(_ bytes: [UInt8]) {
        guard bytes.count >= 3 else { return }
        let width = Int(bytes[1] % 6)
        space.write(offset: Int(bytes[0]), width: width, value: UInt32(bytes[2]) << 8 | UInt32(bytes[1]))
        _ = space.read(offset: Int(bytes[0]), width: width)
    }

    private mutating func observe(_ actions: [VMBusAction]) {
        for action in actions {
            switch action {
            case .open(let channel): opening.append(channel.relid)
            case .close(_, let relid): closing.append(relid)
            case .send(let message): precondition(message.encoded().count <= ControlMessageType.maximumMessageSize)
            default: break
            }
        }
    }
}
