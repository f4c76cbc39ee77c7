import DXGProtocol
public import Linux
public import SoftGPU
public import VMBus

/// Everything that a server is started with.
public struct ServerOptions: Sendable {
    /// Where guests connect, in the order in which the listeners are made.
    public var endpoints: [Endpoint]
    /// The adapters that every guest is offered, in order.
    public var adapters: [AdapterProfile]
    public var guests = GuestDefaults()
    public var timeouts = TimeoutPolicy()
    /// The program of the worker processes.
    public var workerExecutable: String
    /// Threads that run work-groups in each worker.
    public var lanes: Int
    /// How long a draining server waits for running work before it ends the guests, in nanoseconds.
    public var drainNanoseconds: UInt64 = 2_000_000_000

    public init(endpoints: [Endpoint], adapters: [AdapterProfile], workerExecutable: String, lanes: Int) {
        self.endpoints = endpoints
        self.adapters = adapters
        self.workerExecutable = workerExecutable
        self.lanes = lanes
    }
}

/// What every guest gets.
public struct GuestDefaults: Sendable {
    /// Guests connected at a time; more are refused with code 4.
    public var maximumGuests = 1024
    /// Mebibytes of IO space: what the guest's CPUs can map. At most 65 535, the offer's field.
    public var ioSpaceMegabytes: UInt16 = 1024
    /// The interface version offered in configuration space: 40 or 27.
    public var interfaceVersion: UInt32 = ConfigurationSpace.newestInterfaceVersion
    /// Host capability bit 0: existing system memory comes as lists of pages, not as GPADLs.
    public var mapsGuestPages = true
    /// Whether the guest sends work without waiting for replies, on its global channel.
    public var asyncMessages = false
    /// The newest VMBus version that is accepted.
    public var maximumVMBusVersion = ProtocolVersion.v5_3
    public var limits = Limits()

    public init() {}
}

extension AdapterProfile {
    /// The adapter of a server that nobody configured.
    public static let standard = AdapterProfile(
        hostLUID: .init(low: 0x0001_0000, high: 0),
        guid: GUID(0x5d1c_7a30, 0x8f42, 0x4d0e, 0x9a51_2c66_0be3_71f4).wireBytes)
}
