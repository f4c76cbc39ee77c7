import Testing
import VMBus

extension VMBusServer {
    /// Delivers bytes as a carrier would and returns what the owner has to do.
    mutating func receive(bytes: [UInt8]) -> [VMBusAction] {
        var actions: [VMBusAction] = []
        receive(unsafe bytes.span.bytes, into: &actions)
        return actions
    }

    /// Delivers the bytes of a message.
    mutating func receive(_ message: GuestMessage) -> [VMBusAction] {
        receive(bytes: message.encoded())
    }

    mutating func opened(_ relid: UInt32, success: Bool = true) -> [VMBusAction] {
        var actions: [VMBusAction] = []
        channelOpened(relid: relid, success: success, into: &actions)
        return actions
    }

    mutating func closed(_ relid: UInt32) -> [VMBusAction] {
        var actions: [VMBusAction] = []
        channelClosed(relid: relid, into: &actions)
        return actions
    }

    mutating func rescind(_ key: OfferKey) -> [VMBusAction] {
        var actions: [VMBusAction] = []
        rescind(key, into: &actions)
        return actions
    }

    mutating func disconnect() -> [VMBusAction] {
        var actions: [VMBusAction] = []
        disconnect(into: &actions)
        return actions
    }

    mutating func add(_ offer: ChannelOffer) throws(OfferError) -> [VMBusAction] {
        var actions: [VMBusAction] = []
        try self.offer(offer, into: &actions)
        return actions
    }

    func state(of key: OfferKey) -> ChannelState? {
        channelSummaries.first { $0.key == key }?.state
    }
}

/// The offers of a guest with one GPU, and servers in often needed states.
enum Fixture {
    static let globalInstance = GUID(0x1111_1111, 0x2222, 0x3333, 0x4444_5555_5555_5555)
    static let vgpuInstance = GUID(0x1234_abcd, 1, 0, 0xa1a2_a3a4_a5a6_a7a8)
    static let global = ChannelOffer.dxgGlobal(instance: globalInstance, ioSpaceMegabytes: 32)
    static let vgpu = ChannelOffer.dxgVGPU(instance: vgpuInstance)

    /// The relids of the two offers: the vGPU interface sorts first.
    static let vgpuRelid: UInt32 = 1
    static let globalRelid: UInt32 = 2

    static func server(
        _ change: (inout VMBusServer.Configuration) -> Void = { _ in }
    ) throws -> VMBusServer {
        var configuration = VMBusServer.Configuration()
        change(&configuration)
        var server = VMBusServer(configuration: configuration)
        _ = try server.add(global)
        _ = try server.add(vgpu)
        return server
    }

    static func connected(
        _ version: ProtocolVersion = .v5_3, _ change: (inout VMBusServer.Configuration) -> Void = { _ in }
    ) throws -> VMBusServer {
        var server = try server(change)
        _ = server.receive(.initiateContact(InitiateContact(version: version)))
        _ = server.receive(.requestOffers)
        return server
    }

    /// A server whose global channel is open with a ring of 8 pages, GPADL 7.
    static func opened(_ version: ProtocolVersion = .v5_3) throws -> VMBusServer {
        var server = try connected(version)
        _ = server.receive(ring(7, relid: globalRelid))
        _ = server.receive(.openChannel(open(globalRelid, ring: 7)))
        _ = server.opened(globalRelid)
        return server
    }

    static func ring(_ gpadl: UInt32, relid: UInt32, pages: Int = 8) -> GuestMessage {
        let range = GuestPhysicalRange(pages: (0..<UInt64(pages)).map { 0x1000 + $0 })
        return GuestMessage.describing([range], gpadl: gpadl, relid: relid)![0]
    }

    static func open(_ relid: UInt32, ring: UInt32 = 0, downstream: UInt32 = 4) -> OpenChannel {
        OpenChannel(
            relid: relid, openID: relid, ringGPADL: ring, downstreamPageOffset: ring == 0 ? 0 : downstream)
    }
}

/// A deterministic generator for tests that need many different inputs (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// The bytes of a hexadecimal text.
func bytes(hex: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Substring(hex)
    while let byte = UInt8(rest.prefix(2), radix: 16) {
        bytes.append(byte)
        rest = rest.dropFirst(2)
    }
    return bytes
}

func decodeGuest(_ bytes: [UInt8]) throws(ControlMessageError) -> GuestMessage {
    try GuestMessage(decoding: unsafe bytes.span.bytes)
}

func decodeHost(_ bytes: [UInt8]) throws(ControlMessageError) -> HostMessage {
    try HostMessage(decoding: unsafe bytes.span.bytes)
}
