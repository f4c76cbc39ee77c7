public import Carriers
public import DXGProtocol
public import VMBus

/// What a guest wants of a host, and how it behaves.
public struct GuestMachineOptions: Sendable {
    /// Who the guest says it is; zero leaves it to the host.
    public var guestID = GUID.zero

    /// A name for humans.
    public var name = "guest"

    /// What proves that the guest may be who it says it is.
    public var token: [UInt8] = []

    /// The carrier's features to ask for. Rings are not among those that the library uses.
    public var wantedFeatures: CarrierFeatures = [.sharedMemory, .sharedIOSpace]

    /// The VMBus versions to try, in this order.
    public var busVersions: [ProtocolVersion] = ProtocolVersion.served.reversed()

    /// The highest interface version to agree on: 27 makes the guest an old driver.
    public var maximumInterfaceVersion = InterfaceVersion.v40

    /// The size of the guest's memory, a multiple of 4096. It exists once it is touched.
    public var memoryBytes: UInt64 = 256 << 20

    /// Where the IO space lies in the guest's physical memory, a multiple of 4096 beyond the memory.
    public var ioSpaceBase: UInt64 = 1 << 40

    /// Whether the four commands that may be sent without a reply are, when the host allows it.
    public var usesAsyncMessages = true

    /// How long to wait for a reply; `nil` waits for ever, as the Linux driver does.
    public var replyTimeoutNanoseconds: UInt64? = 30_000_000_000

    /// The options of a current driver over a carrier that shares memory where it can.
    public init() {}
}
