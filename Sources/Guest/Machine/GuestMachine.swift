public import Carriers
public import DXGProtocol
public import Linux
internal import Synchronization
public import VMBus

/// A guest of a host: a virtual machine reduced to what the GPU-PV protocol sees of it.
///
/// It blocks, has one connection, and may be used by several threads at once: replies find their callers. What the
/// Linux driver does between power-on and the first process is done when `connect` returns
/// (docs/protocol/semantics.md 1.1).
public final class GuestMachine: Sendable {
    /// What the machine was started with.
    public let options: GuestMachineOptions

    /// What the host granted and told: features, the guest's id, the size of the IO space, the number of functions.
    public let welcome: Welcome

    /// The VMBus version agreed on.
    public let busVersion: ProtocolVersion

    /// The interface version agreed on.
    public let interfaceVersion: InterfaceVersion

    /// What the host can do, as configuration space says.
    public let hostCapabilities: ConfigurationSpace.HostCapabilities

    /// The guest's memory.
    public let memory: GuestMemory

    /// What the host lends to the guest.
    public let ioSpace: IOSpace

    /// The channel for commands of the whole machine.
    public let globalRelid: UInt32

    /// The vGPUs that were found, in the order of their PCI functions.
    public var adapters: [GuestAdapter] { adapterState.withLock { $0 } }

    let link: HostLink
    let adapterState = Mutex<[GuestAdapter]>([])

    /// Whether vGPU commands go over the global channel and some of them without replies
    /// (docs/protocol/semantics.md 1.6).
    let asyncMessages = Atomic(false)

    let backings = Mutex<[BackingGPADL]>([])
    private let nextGPADL = Atomic<UInt32>(0xE1E10)

    init(_ start: Startup, link: HostLink, options: GuestMachineOptions) {
        self.options = options
        self.link = link
        memory = link.memory
        welcome = start.welcome
        ioSpace = start.ioSpace
        busVersion = start.busVersion
        interfaceVersion = start.interfaceVersion
        hostCapabilities = start.hostCapabilities
        globalRelid = start.globalRelid
    }

    deinit { link.close() }

    /// Connects to a host and starts as the Linux driver does: VMBus, the global channel, every vGPU.
    public static func connect(
        to endpoint: Endpoint, options: GuestMachineOptions = GuestMachineOptions()
    ) throws(GuestError) -> GuestMachine {
        try connect(over: FrameConnection(to: endpoint), options: options)
    }

    /// The same over a connection on which nothing was sent.
    public static func connect(
        over connection: FrameConnection, options: GuestMachineOptions = GuestMachineOptions()
    ) throws(GuestError) -> GuestMachine {
        let link = HostLink(connection, memory: try GuestMemory(bytes: options.memoryBytes))
        do throws(GuestError) {
            let start = try Startup(link: link, options: options)
            let machine = GuestMachine(start, link: link, options: options)
            try machine.startDriver(offers: start.vgpuOffers, functions: start.functions)
            return machine
        } catch {
            link.close()
            throw error
        }
    }

    /// Ends the connection as a machine that is switched off: nothing is closed in order.
    public func close() { link.close() }

    /// Stops as a driver that is unloaded: adapters closed, channels closed, VMBus unloaded, the connection ended.
    public func shutDown() throws(GuestError) {
        for adapter in adapters {
            var request = MessageBuilder<CloseAdapter.Request>()
            request.hostHandle = adapter.handle
            _ = try perform(request, on: adapter)
        }
        for adapter in adapters { try send(.closeChannel(relid: adapter.relid)) }
        try send(.closeChannel(relid: globalRelid))
        try send(.unload)
        _ = try waitForMessage("UNLOAD_RESPONSE") { $0 == .unloadResponse ? true : nil }
        link.close()
    }

    /// What the host sent that has no meaning to this guest, oldest first. Empty with a host that is in order.
    public var oddities: [String] { link.oddities }

    /// How often the host has said that the state of a device changed (docs/protocol/semantics.md 1.7, SETGUESTDATA).
    public var deviceStateChanges: UInt64 { link.deviceStateChanges }

    /// Until when a call that starts now waits for its reply.
    var replyDeadline: Deadline { options.replyTimeoutNanoseconds.map { .after(nanoseconds: $0) } ?? .never }

    // MARK: VMBus

    /// Sends a VMBus control message.
    public func send(_ message: GuestMessage) throws(GuestError) {
        try link.send(message)
    }

    /// Waits for a control message for which `body` gives a value, and takes it; others stay.
    public func waitForMessage<Value>(
        _ what: String, _ body: (VMBus.HostMessage) -> Value?
    ) throws(GuestError) -> Value {
        try link.waitForMessage(what, until: replyDeadline, body)
    }

    /// Describes pages of the guest's memory to the host, on the global channel as the Linux driver does. The result
    /// names the description.
    public func createGPADL(pages: [UInt64]) throws(GuestError) -> UInt32 {
        let gpadl = nextGPADL.add(1, ordering: .relaxed).oldValue
        let range = GuestPhysicalRange(pages: pages)
        guard let messages = GuestMessage.describing([range], gpadl: gpadl, relid: globalRelid) else {
            throw .invalidRequest("\(pages.count) pages are too many for one GPADL")
        }
        for message in messages { try send(message) }
        let status = try waitForMessage("GPADL_CREATED") { message -> MessageStatus? in
            if case .gpadlCreated(let created) = message, created.gpadl == gpadl { return created.status }
            return nil
        }
        guard status == .success else {
            throw .unexpected("GPADL \(gpadl) refused with 0x\(String(status.rawValue, radix: 16))")
        }
        return gpadl
    }

    /// Ends a description of pages. Afterwards the host no longer touches them.
    public func tearDownGPADL(_ gpadl: UInt32) throws(GuestError) {
        try send(.gpadlTeardown(GPADLTeardown(relid: globalRelid, gpadl: gpadl)))
        try waitForMessage("GPADL_TORNDOWN") { message -> Void? in
            if case .gpadlTorndown(let torndown) = message, torndown.gpadl == gpadl { return () }
            return nil
        }
    }

    // MARK: Events

    /// Makes an event that the host can signal by its number.
    public func makeEvent(isOneShot: Bool = true) -> GuestEvent { link.makeEvent(isOneShot: isOneShot) }

    /// Forgets an event; a later signal is counted among the oddities.
    public func forget(_ event: GuestEvent) { link.forget(event) }
}
