import Carriers
import Configuration
import DXGProtocol
import EventLoop
import Glibc
import Linux
import Logging
import SoftGPU
import VMBus
import Workers

/// One connected guest on this side: its carrier, its VMBus, its configuration spaces and its memory files.
final class GuestSession {
    let id: GuestID
    /// The id that the guest goes by, its own or one that the host gave it.
    let guestID: GUID
    /// What the host calls it.
    let name: String
    let settings: GuestSettings
    let connectedAt: Instant
    let carrier: any GuestCarrier
    unowned let server: Server

    /// What the guest's CPUs can map: fence pages and CPU-visible allocations.
    let ioSpace: IOSpaceMemory
    /// The rest of the guest's GPU memory.
    let local: SharedMemory
    private(set) var sharedRegions: [SharedRegion] = []
    /// The file of the machine's RAM, from the first driver that needs it to the end.
    private(set) var ram: SharedMemory?
    let coherence = CoherentPages()
    /// Code objects that the workers of this guest have loaded: a bounded number of bytes for all of them.
    let codeImages = CodeImageCache()

    private var vmbus: VMBusServer
    private var rate: MessageRate?
    private var functions: [ConfigurationSpace]
    private let offers: [ChannelOffer]
    private let keys: [Channel: OfferKey]
    /// GPADLs by id: rings are opened in them.
    private var gpadls: [UInt32: [GuestPhysicalRange]] = [:]
    /// Virtual GPUs that do not come back while the guest is connected.
    private var removedGPUs: Set<Int> = []
    /// Open channels both ways.
    private var relids: [Channel: UInt32] = [:]
    private var channels: [UInt32: Channel] = [:]

    let modelOptions: GuestOptions
    let admission: Admission

    /// A guest that was let in; `guestID` is zero where the host is to choose one.
    init(
        id: GuestID, guestID: GUID, name: String, settings: GuestSettings, carrier: any GuestCarrier, server: Server
    ) throws(SystemError) {
        self.id = id
        self.carrier = carrier
        self.server = server
        self.name = name
        self.settings = settings
        connectedAt = server.now
        self.guestID = guestID == .zero ? Self.identity(for: id) : guestID

        let ioBytes = settings.ioSpaceBytes
        ioSpace = try carrier.makeIOSpace(name: "understudy-io-\(id.rawValue)", bytes: ioBytes)
        local = try SharedMemory(name: "understudy-local-\(id.rawValue)", bytes: settings.limits.model.memory)

        rate = settings.limits.messagesPerSecond.map { MessageRate(perSecond: $0) }
        functions = []
        var keys: [Channel: OfferKey] = [:]
        var adapters: [VirtualAdapterOptions] = []
        var offers = [ChannelOffer.dxgGlobal(instance: .dxgGlobalInstance, ioSpaceMegabytes: settings.ioSpaceMegabytes)]
        keys[.global] = offers[0].key
        for (index, physical) in server.options.settings.adapterIndices(of: settings).enumerated() {
            let adapter = server.options.settings.adapters[physical]
            let instance = GUID.vgpuInstance(guest: id, index: index)
            let luid = LUID(low: UInt32(0x2_0000 + index), high: Int32(truncatingIfNeeded: id.rawValue))
            offers.append(.dxgVGPU(instance: instance))
            keys[.vgpu(index)] = offers[index + 1].key
            functions.append(
                ConfigurationSpace(
                    function: adapter.function, channelInstance: instance, vgpuLUID: luid.wire,
                    hostCapabilities: settings.hostCapabilities, interfaceVersion: settings.interfaceVersion))
            adapters.append(VirtualAdapterOptions(physicalAdapter: physical, vgpuLUID: luid))
        }
        self.keys = keys
        self.offers = offers
        vmbus = Self.makeVMBus(settings, offers)
        modelOptions = settings.modelOptions(adapters: adapters)
        admission = Admission(
            guestID: self.guestID, ioSpaceBytes: ioBytes, functionCount: UInt32(functions.count),
            features: [.sharedMemory, .sharedIOSpace], ioSpaceDescriptor: ioSpace.file.descriptor.rawValue)
    }

    /// A VMBus that waits for the guest's contact.
    private static func makeVMBus(_ settings: GuestSettings, _ offers: [ChannelOffer]) -> VMBusServer {
        var vmbus = VMBusServer(configuration: settings.vmbus)
        var actions: [VMBusAction] = []
        for offer in offers {
            do throws(OfferError) {
                try vmbus.offer(offer, into: &actions)
            } catch {
                preconditionFailure("the host's own offers clash: \(error)")
            }
        }
        return vmbus
    }

    /// An id for a guest that brought none.
    private static func identity(for id: GuestID) -> GUID {
        GUID(id.rawValue, 0x5344, 0x4700, 0x8000_0000_0000_0000 | UInt64(id.rawValue))
    }

    // MARK: To the guest

    /// Completes a request. A guest that has closed the channel meanwhile gets nothing.
    func complete(_ channel: Channel, transaction: UInt64, _ bytes: [UInt8]) {
        send(bytes, type: .completion, transaction: transaction, on: channel)
    }

    /// Sends a packet that asks for no completion on the global channel.
    func notify(_ bytes: [UInt8]) { send(bytes, type: .inBandData, transaction: 0, on: .global) }

    private func send(_ bytes: [UInt8], type: PacketType, transaction: UInt64, on channel: Channel) {
        guard let relid = relids[channel] else { return }
        var packet = [UInt8]()
        packet.reserveCapacity(PacketHeader.size + bytes.count + 7)
        packet.append(contentsOf: repeatElement(0, count: PacketHeader.size))
        packet += bytes
        do throws(PacketError) {
            try Packet.seal(&packet, type: type, transactionID: transaction)
        } catch {
            preconditionFailure("the host made a packet that no guest can read: \(error)")
        }
        carrier.send(packet: packet, relid: relid)
    }

    /// Publishes a fence's value: in the page, and to a guest that watches it over the carrier.
    func storeFence(_ value: UInt64, at offset: UInt64) {
        ioSpace.storeUInt64(value, at: Int(offset))
        carrier.ioChanged(offset: offset, bytes: (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    // MARK: VMBus

    /// Handles actions in their order: what handling one has the server do next goes behind those that are there.
    private func handle(_ list: [VMBusAction]) {
        var actions = list
        var position = 0
        while position < actions.count {
            let action = actions[position]
            position += 1
            switch action {
            case .send(let message):
                carrier.send(controlMessage: message.encoded())
            case .connected(let version):
                server.log.server(.debug, "\(id): VMBus \(version)")
            case .open(let opening):
                open(opening, &actions)
            case .close(let key, let relid):
                if let channel = channel(of: key) { relids[channel] = nil }
                channels[relid] = nil
                carrier.closeChannel(relid: relid)
                vmbus.channelClosed(relid: relid, into: &actions)
            case .modify:
                break
            case .gpadlCreated(let id, _, let ranges):
                gpadls[id] = ranges
                server.model.gpadlCreated(self.id, id: id, ranges: ranges)
            case .gpadlTornDown(let id):
                gpadls[id] = nil
                server.model.gpadlTornDown(self.id, id: id)
            case .reset:
                gpadls.removeAll()
                for index in functions.indices { functions[index].reset() }
                carrier.functionsChanged()
                server.perform(server.model.reset(id, at: server.now))
            case .protocolError(let error):
                server.log.guest(id, .info, "VMBus: \(error)", at: server.loop.now)
            }
        }
    }

    private func open(_ opening: ChannelOpening, _ actions: inout [VMBusAction]) {
        guard let channel = channel(of: opening.key) else { preconditionFailure("a channel that was never offered") }
        let rings = opening.ring.map { ring in
            ChannelRings(
                pages: gpadls[ring.gpadl]?.first?.pages ?? [], downstreamPageOffset: ring.downstreamPageOffset)
        }
        do throws(ChannelRefusal) {
            try carrier.openChannel(relid: opening.relid, rings: rings)
            relids[channel] = opening.relid
            channels[opening.relid] = channel
            vmbus.channelOpened(relid: opening.relid, success: true, into: &actions)
        } catch {
            server.log.guest(id, .info, "channel \(opening.relid) is not opened: \(error)", at: server.loop.now)
            vmbus.channelOpened(relid: opening.relid, success: false, into: &actions)
        }
    }

    private func channel(of key: OfferKey) -> Channel? {
        keys.first { $0.value == key }?.key
    }

    /// A channel whose packets make no sense is taken away (docs/protocol/vmbus.md 1.10).
    private func breakChannel(_ channel: Channel, _ reason: String) {
        server.log.guest(id, .warning, "the channel is broken: \(reason)", at: server.loop.now)
        rescind(channel)
    }

    /// Takes a virtual GPU away, for as long as the guest is connected.
    func removeVirtualGPU(_ index: Int) {
        removedGPUs.insert(index)
        rescind(.vgpu(index))
        carrier.functionsChanged()
    }

    private func rescind(_ channel: Channel) {
        guard let key = keys[channel] else { return }
        if let relid = relids.removeValue(forKey: channel) {
            channels[relid] = nil
            carrier.closeChannel(relid: relid)
        }
        var actions: [VMBusAction] = []
        vmbus.rescind(key, into: &actions)
        handle(actions)
    }
}

extension GuestSession: GuestCarrierDelegate {
    /// A guest over its message rate is not read for as long as that takes (docs/configuration.md).
    private func countMessage() {
        if let wait = rate?.take(at: server.loop.now) { carrier.holdReading(forNanoseconds: wait) }
    }

    func carrier(_ carrier: any GuestCarrier, controlMessage message: RawSpan) {
        countMessage()
        var actions: [VMBusAction] = []
        vmbus.receive(message, into: &actions)
        handle(actions)
    }

    func carrier(_ carrier: any GuestCarrier, packet bytes: RawSpan, relid: UInt32) {
        countMessage()
        guard let channel = channels[relid] else {
            server.log.guest(id, .info, "a packet for channel \(relid), which is not open", at: server.loop.now)
            return
        }
        let packet: Packet
        do throws(PacketError) {
            packet = try Packet(bytes)
        } catch {
            return breakChannel(channel, "\(error)")
        }
        // The host asks for no completions, so none can come.
        guard packet.header.type == .inBandData else { return }
        let transaction = packet.header.requestsCompletion ? packet.header.transactionID : nil
        server.perform(
            server.model.receive(packet.payload, from: id, on: channel, transaction: transaction, at: server.now))
    }

    func carrier(_ carrier: any GuestCarrier, readConfiguration address: ConfigurationAddress) -> UInt32 {
        let function = Int(address.function)
        // A function that is not there answers with ones, as the bus does.
        guard functions.indices.contains(function), !removedGPUs.contains(function) else {
            return .max >> (32 - 8 * UInt32(address.width))
        }
        return functions[function].read(offset: Int(address.offset), width: Int(address.width))
    }

    func carrier(_ carrier: any GuestCarrier, writeConfiguration address: ConfigurationAddress, value: UInt32) {
        let function = Int(address.function)
        guard functions.indices.contains(function) else { return }
        functions[function].write(offset: Int(address.offset), width: Int(address.width), value: value)
        let version = functions.map(\.negotiatedInterfaceVersion).max() ?? ConfigurationSpace.oldestInterfaceVersion
        server.model.negotiate(id, version: version >= 40 ? .v40 : .v27)
    }

    func carrier(_ carrier: any GuestCarrier, sharedMemory regions: [SharedRegion]) {
        sharedRegions += regions
        server.model.shareMemory(
            id, regions: sharedRegions.map { GuestMemoryRegion(base: $0.region.base, length: $0.region.bytes) })
    }

    /// The file is opened for each driver: a monitor makes it after it has connected.
    func carrierNeedsRAM(_ carrier: any GuestCarrier) throws(SystemError) -> GuestRAM? {
        guard let path = settings.memoryFile else { return nil }
        let file = try SharedMemory(opening: path)
        if let other = try server.session(withRAM: file), other !== self {
            throw SystemError(code: EBUSY, operation: "use \(path) as RAM: it is that of \(other.id)")
        }
        ram = file
        return GuestRAM(file: file, bytesBelowHole: settings.machineType.bytesBelowHole(ofTotal: file.bytes))
    }

    func carrier(
        _ carrier: any GuestCarrier, readIOSpace offset: UInt64, length: UInt32
    ) throws(SystemError) -> [UInt8] {
        try requireIOSpace(offset, UInt64(length))
        return ioSpace.read(at: Int(offset), count: Int(length))
    }

    func carrier(_ carrier: any GuestCarrier, writeIOSpace offset: UInt64, bytes: RawSpan) throws(SystemError) {
        try requireIOSpace(offset, UInt64(bytes.byteCount))
        ioSpace.write(bytes, at: Int(offset))
    }

    private func requireIOSpace(_ offset: UInt64, _ length: UInt64) throws(SystemError) {
        guard offset <= ioSpace.bytes, length <= ioSpace.bytes - offset else {
            throw SystemError(code: EFAULT, operation: "reach \(length) bytes of the IO space at \(offset)")
        }
    }

    func carrier(_ carrier: any GuestCarrier, channelBroken relid: UInt32, reason: String) {
        if let channel = channels[relid] { breakChannel(channel, reason) }
    }

    /// A machine that begins anew finds every channel again, save those of virtual GPUs that are gone.
    func carrierRestarted(_ carrier: any GuestCarrier) {
        server.log.guest(id, .info, "the guest begins anew", at: server.loop.now)
        var actions: [VMBusAction] = []
        vmbus.disconnect(into: &actions)
        handle(actions)
        let gone = Set(removedGPUs.compactMap { keys[.vgpu($0)] })
        vmbus = Self.makeVMBus(settings, offers.filter { !gone.contains($0.key) })
        sharedRegions = []
    }

    func carrier(_ carrier: any GuestCarrier, complains text: String) {
        server.log.guest(id, .info, "\(text)", at: server.loop.now)
    }

    func carrier(_ carrier: any GuestCarrier, closed reason: CarrierCloseReason) {
        server.sessionClosed(self, reason: "\(reason)")
    }
}

extension GUID {
    /// The one instance of the dxg global channel.
    static let dxgGlobalInstance = GUID(0x1c5f_33a0, 0x6a0d, 0x4f3b, 0x9e0d_5a1e_0c7b_44d1)

    /// The channel of a guest's virtual GPU. Its first eight bytes are the adapter's LUID in the guest
    /// (docs/protocol/semantics.md 1.1).
    static func vgpuInstance(guest: GuestID, index: Int) -> GUID {
        GUID(
            0x3_0000 + UInt32(index), UInt16(truncatingIfNeeded: index + 1), 0,
            0x8a51_0000_0000_0000 | UInt64(guest.rawValue))
    }
}
