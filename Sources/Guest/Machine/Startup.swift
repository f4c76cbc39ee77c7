internal import Carriers
internal import DXGProtocol
internal import Linux
internal import Synchronization
internal import VMBus

/// The steps from a connection to a machine whose channels can be opened: the carrier's greeting, VMBus, and the PCI
/// functions (docs/protocol/carrier.md, Order; docs/protocol/semantics.md 1.1).
struct Startup {
    let welcome: Welcome
    let ioSpace: IOSpace
    let busVersion: ProtocolVersion
    let interfaceVersion: InterfaceVersion
    let hostCapabilities: ConfigurationSpace.HostCapabilities
    let globalRelid: UInt32
    let vgpuOffers: [OfferChannel]
    let functions: [Function]

    /// What a PCI function's configuration space says.
    struct Function {
        let number: UInt32
        let deviceID: UInt16
        let instance: GUID
        let vgpuLUID: LUID
    }

    init(link: HostLink, options: GuestMachineOptions) throws(GuestError) {
        let reader = FrameReader(link.connection)
        (welcome, ioSpace) = try Self.greet(link, reader, options)
        try link.start(reader)
        var deadline: Deadline { options.replyTimeoutNanoseconds.map { .after(nanoseconds: $0) } ?? .never }
        busVersion = try Self.contact(link, options, deadline)
        let offers = try Self.requestOffers(link, deadline)
        guard let global = offers.first(where: { $0.offer.key.interfaceType == .dxgGlobalChannel }) else {
            throw .unexpected("the host offers no global channel")
        }
        globalRelid = global.relid
        link.globalRelid.store(global.relid, ordering: .relaxed)
        vgpuOffers = offers.filter { $0.offer.key.interfaceType == .dxgVGPUChannel }
        let configuration = ConfigurationReader(link: link, timeout: options.replyTimeoutNanoseconds)
        (interfaceVersion, hostCapabilities) = try configuration.negotiate(
            functions: welcome.functionCount, maximum: options.maximumInterfaceVersion)
        var functions: [Function] = []
        for number in 0..<welcome.functionCount {
            functions.append(try configuration.describe(number, under: interfaceVersion))
        }
        self.functions = functions
    }

    private static func greet(
        _ link: HostLink, _ reader: FrameReader, _ options: GuestMachineOptions
    ) throws(GuestError) -> (Welcome, IOSpace) {
        let hello = Hello(
            wantedFeatures: options.wantedFeatures, guestID: options.guestID, name: options.name, token: options.token)
        try link.connection.send(.hello(hello))
        let welcome = try next(reader) { frame -> Welcome? in
            if case .welcome(let welcome) = frame { return welcome }
            return nil
        }
        var mapping: MemoryMapping?
        if welcome.grantedFeatures.contains(.sharedIOSpace) {
            let bytes = try next(reader) { frame -> UInt64? in
                if case .ioSpace(let bytes) = frame { return bytes }
                return nil
            }
            guard let descriptor = reader.takeDescriptor() else {
                throw .unexpected("IO_SPACE without a descriptor")
            }
            do throws(SystemError) {
                mapping = try SharedMemory(adopting: descriptor).map(0..<bytes)
            } catch {
                throw .system(error)
            }
        }
        if welcome.grantedFeatures.contains(.sharedMemory) {
            let region = MemoryRegion(base: 0, bytes: link.memory.bytes, fileOffset: 0)
            try link.connection.send(
                .shareMemory([region]), descriptors: [link.memory.file.descriptor.rawValue])
        }
        let ioSpace = IOSpace(
            base: options.ioSpaceBase, bytes: welcome.ioSpaceBytes, mapping: mapping, link: link,
            timeout: options.replyTimeoutNanoseconds)
        return (welcome, ioSpace)
    }

    /// The next frame, which must be one for which `body` gives a value.
    private static func next<Value>(
        _ reader: FrameReader, _ body: (borrowing HostFrame) -> Value?
    ) throws(GuestError) -> Value {
        guard let received = try reader.next() else {
            throw .disconnected(reason: "the host closed the connection before it welcomed the guest")
        }
        do {
            // SAFETY: the span borrows the array for the block.
            let frame = try HostFrame(received.header, unsafe received.payload.span.bytes)
            if let value = body(frame) { return value }
            if case .refused(let code, let text) = frame { throw GuestError.refused(code: code.rawValue, reason: text) }
        } catch let error as GuestError {
            throw error
        } catch {
            throw .unexpected("the host sent \(error)")
        }
        throw .unexpected("frame \(received.header.type) instead of a welcome")
    }

    private static func contact(
        _ link: HostLink, _ options: GuestMachineOptions, _ deadline: Deadline
    ) throws(GuestError) -> ProtocolVersion {
        for version in options.busVersions {
            try link.send(.initiateContact(InitiateContact(version: version)))
            let response = try link.waitForMessage("VERSION_RESPONSE", until: deadline) { message in
                if case .versionResponse(let response) = message { return response }
                return nil as VersionResponse?
            }
            if response.isSupported {
                guard response.outcome == .connected else {
                    throw .unexpected("VMBus contact failed with state \(response.outcome.rawValue)")
                }
                return version
            }
        }
        throw .unexpected("the host supports none of the VMBus versions \(options.busVersions)")
    }

    private static func requestOffers(_ link: HostLink, _ deadline: Deadline) throws(GuestError) -> [OfferChannel] {
        try link.send(.requestOffers)
        var offers: [OfferChannel] = []
        while true {
            let offer = try link.waitForMessage("OFFERCHANNEL", until: deadline) { message -> OfferChannel?? in
                switch message {
                case .offerChannel(let offer): .some(offer)
                case .allOffersDelivered: .some(nil)
                default: nil
                }
            }
            guard let offer else { return offers }
            offers.append(offer)
        }
    }
}
