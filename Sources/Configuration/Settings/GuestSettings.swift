import DXGProtocol
public import SoftGPU
public import VMBus

/// How the host presents itself to a guest, and what the guest may take up.
public struct GuestSettings: Sendable {
    /// The interface version offered in configuration space: 40 or 27.
    public var interfaceVersion = ConfigurationSpace.newestInterfaceVersion
    /// Whether the guest sends work without waiting for replies; only under interface version 40
    /// (docs/protocol/semantics.md 1.6).
    public var asyncMessages = false
    /// Host capability bit 0: existing system memory comes as lists of pages, not as GPADLs.
    public var mapsGuestPages = true
    /// Nanoseconds that a paging operation takes; 0: done at once, never PENDING (docs/protocol/semantics.md 9.1).
    public var pagingNanoseconds: UInt64 = 0
    /// Whether the GPU may touch memory that is mapped but not resident (docs/protocol/semantics.md 12.1).
    public var allowsNonResidentAccess = false
    public var maximumVMBusVersion = ProtocolVersion.v5_3
    /// What the guest's CPUs can map, a whole number of mebibytes: at most 65 535, the offer's field.
    public var ioSpaceBytes: UInt64 = 1 << 30
    /// The file with the RAM of the guest's machine, where the carrier does not let the guest share it
    /// (docs/protocol/ivshmem.md 9).
    public var memoryFile: String?
    /// Where that RAM is in the machine.
    public var machineType = MachineType.q35
    /// The names of its adapters, in the order of its virtual GPUs; nil: all, in the order of the file.
    public var adapters: [String]?
    public var limits = GuestLimits()

    public init() {}

    /// The IO space as the offer of the global channel has it.
    public var ioSpaceMegabytes: UInt16 { UInt16(clamping: ioSpaceBytes >> 20) }

    /// What configuration space tells the guest at 0xDC.
    public var hostCapabilities: ConfigurationSpace.HostCapabilities { mapsGuestPages ? .mapGuestMemory : [] }

    /// How the guest's VMBus is set up.
    public var vmbus: VMBusServer.Configuration {
        var configuration = VMBusServer.Configuration()
        configuration.maximumVersion = maximumVMBusVersion
        return configuration
    }

    /// What the model is told of the guest.
    ///
    /// - Parameter adapters: its virtual GPUs, which ``Settings/adapterIndices(of:)`` names.
    public func modelOptions(adapters: [VirtualAdapterOptions]) -> GuestOptions {
        var options = GuestOptions(
            ioSpaceBytes: ioSpaceBytes, localBytes: limits.model.memory, asyncMessages: asyncMessages,
            limits: limits.model, adapters: adapters)
        options.pagingNanoseconds = pagingNanoseconds
        options.allowsNonResidentAccess = allowsNonResidentAccess
        return options
    }

    static let schema = Schema<GuestSettings>(
        fields: [
            .value(
                "interface-version", \.interfaceVersion,
                .choice("an interface version", [("27", 27), ("40", 40)])),
            .value("async-messages", \.asyncMessages, .boolean),
            .value("guest-page-mapping", \.mapsGuestPages, .boolean),
            .value("paging-delay", \.pagingNanoseconds, .duration(0...60_000_000_000)),
            .value("non-resident-access", \.allowsNonResidentAccess, .boolean),
            .value(
                "vmbus-version", \.maximumVMBusVersion,
                .choice("a VMBus version", ProtocolVersion.served.map { ($0.description, $0) })),
            .value("io-space", \.ioSpaceBytes, .size(1 << 20...65_535 << 20, step: 1 << 20)),
            .value("guest-memory", \.memoryFile, .optional(.path("a file on tmpfs"), or: "none")),
            .value(
                "machine-type", \.machineType,
                .choice("a machine type", MachineType.allCases.map { ($0.rawValue, $0) })),
            .list("adapters", \.adapters, of: .name, "adapters' names", count: 1...Settings.maximumAdapters, or: "all"),
            .section("limits", \.limits, GuestLimits.schema),
        ],
        check: { guest, place in
            guard guest.asyncMessages, guest.interfaceVersion < InterfaceVersion.v40.rawValue else { return }
            let key = place["async-messages"].isGiven ? "async-messages" : "interface-version"
            place[key].report(
                "asynchronous messages are not possible under interface version \(guest.interfaceVersion); allowed: 40")
        })
}
