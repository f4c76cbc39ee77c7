import DXGProtocol
public import SoftGPU
public import VMBus

/// A physical adapter of the host.
public struct AdapterSettings: Sendable {
    /// What guests' lists of adapters call it.
    public var name = AdapterProfiles.standardName
    /// The profile that it starts from.
    public var profile = AdapterProfiles.standardName
    /// What a guest's user sees.
    public var description: String
    /// PCI function type 1414:008a (compute accelerator) instead of 1414:008e (docs/protocol/vmbus.md 1.11).
    public var isComputeOnly: Bool
    /// Bytes of its own memory.
    public var memory: UInt64
    /// Bytes of system memory that it may use.
    public var nonLocalMemory: UInt64
    public var nodes: [NodeProfile]
    /// QUERYADAPTERINFO DRIVERVERSION, such as 2900 for WDDM 2.9.
    public var wddmVersion: UInt32
    /// Whether hardware queues work (docs/protocol/semantics.md 17, WDDM_2_7_CAPS).
    public var hardwareScheduling: Bool
    /// ADAPTERGUID; nil: one that its place in the list decides.
    public var guid: GUID?
    public var registry: [RegistryValue] = []
    /// PCI ids that PHYSICALADAPTERDEVICEIDS gives; those of the guest's own function are always Microsoft's.
    public var deviceIDs = DeviceIDs()
    /// QUERYREGISTRY's path of the driver's directory.
    public var driverStorePath: String
    /// QUERYREGISTRY's path of the kernel-mode driver's image.
    public var driverImagePath: String
    /// UMDRIVERNAME's path of a Direct3D user-mode driver; nil: there is none.
    public var userModeDriverPath: String?

    /// The adapter of a server that nobody configured.
    public init() {
        let standard = AdapterProfile(hostLUID: Self.hostLUID(0), guid: [])
        description = standard.name
        isComputeOnly = standard.isComputeOnly
        memory = standard.localMemory
        nonLocalMemory = standard.nonLocalMemory
        nodes = standard.nodes
        wddmVersion = standard.wddmVersion
        hardwareScheduling = standard.hardwareScheduling
        driverStorePath = standard.driverStorePath
        driverImagePath = standard.driverImagePath
    }

    /// The adapter as the model knows it.
    ///
    /// - Parameter index: its place among the host's adapters, from which it gets its LUID and, unless it has one, its
    ///   GUID, so that both are the same at every start.
    public func modelProfile(index: Int) -> AdapterProfile {
        var profile = AdapterProfile(
            name: description, isComputeOnly: isComputeOnly, localMemory: memory, nonLocalMemory: nonLocalMemory,
            nodes: nodes, wddmVersion: wddmVersion, hardwareScheduling: hardwareScheduling,
            hostLUID: Self.hostLUID(index), guid: (guid ?? Self.guid(index)).wireBytes)
        profile.registry = registry
        profile.deviceIDs = deviceIDs
        profile.driverStorePath = driverStorePath
        profile.driverImagePath = driverImagePath
        profile.userModeDriverPath = userModeDriverPath
        return profile
    }

    /// What the adapter's virtual GPUs present themselves as.
    public var function: ConfigurationSpace.Function { isComputeOnly ? .computeAccelerator : .render }

    private static func hostLUID(_ index: Int) -> LUID { LUID(low: 0x0001_0000 &+ UInt32(index), high: 0) }

    private static func guid(_ index: Int) -> GUID {
        GUID(0x5d1c_7a30 &+ UInt32(index), 0x8f42, 0x4d0e, 0x9a51_2c66_0be3_71f4)
    }

    /// WDDM 3.1 and later have contracts that the model does not keep (docs/protocol/semantics.md 17, DRIVERVERSION).
    private static let versions: [(word: String, value: UInt32)] = (20...30).map { tenths in
        ("\(tenths / 10).\(tenths % 10)", UInt32(100 * tenths))
    }

    /// The keys of an adapter in the main file, where it starts from a profile.
    static let schema = Schema<AdapterSettings>(
        fields: [.value("profile", \.profile, .name)] + profileSchema.fields, check: profileSchema.check)

    /// The keys of a profile.
    static let profileSchema = Schema<AdapterSettings>(
        fields: [
            .value("name", \.name, .name, isRequired: true),
            .value("description", \.description, .text("a description", units: 1...79)),
            .value("memory", \.memory, .size(1 << 20...1 << 40, step: 1 << 20)),
            .value("nonlocal-memory", \.nonLocalMemory, .size(0...1 << 40, step: 1 << 20)),
            .sections("nodes", \.nodes, of: NodeProfile.schema, count: 1...16, template: NodeProfile.template),
            .value("compute-only", \.isComputeOnly, .boolean),
            .value("wddm-version", \.wddmVersion, .choice("a WDDM version", versions)),
            .value("hardware-scheduling", \.hardwareScheduling, .boolean),
            .value("guid", \.guid, .optional(.guid, or: "none")),
            .section("device-ids", \.deviceIDs, DeviceIDs.schema),
            .value("driver-store-path", \.driverStorePath, .driverPath),
            .value("driver-image-path", \.driverImagePath, .driverPath),
            .value("user-mode-driver-path", \.userModeDriverPath, .optional(.driverPath, or: "none")),
            .sections(
                "registry", \.registry, of: RegistryValue.schema, count: 0...256, template: RegistryValue.template),
        ],
        check: { adapter, place in
            guard adapter.hardwareScheduling, adapter.wddmVersion < 2700 else { return }
            let key = place["hardware-scheduling"].isGiven ? "hardware-scheduling" : "wddm-version"
            place[key].report("hardware scheduling is not possible before WDDM 2.7; allowed: false, or 2.7 and later")
        })
}

extension ScalarFormat<String> {
    /// A path as Windows writes it, in the 260 units of MAX_PATH with its terminator.
    fileprivate static var driverPath: ScalarFormat { .text("a Windows path", units: 1...259) }
}

extension DeviceIDs {
    static let schema = Schema<DeviceIDs>(fields: [
        .value("vendor", \.vendor, .number(0...0xffff)),
        .value("device", \.device, .optional(.number(0...0xffff), or: "none")),
        .value("subvendor", \.subvendor, .number(0...0xffff)),
        .value("subsystem", \.subsystem, .number(0...0xffff)),
        .value("revision", \.revision, .number(0...0xff)),
    ])
}

extension NodeProfile {
    /// DXGK_ENGINE_TYPE in numerical order.
    private static let engineTypes = [
        "other", "3d", "video-decode", "video-encode", "video-processing", "scene-assembly", "copy", "overlay",
        "crypto",
    ]

    static func template(_: AdapterSettings) -> NodeProfile { NodeProfile(name: "", engineType: 0) }

    static let schema = Schema<NodeProfile>(fields: [
        .value("name", \.name, .text("a node name", units: 1...31), isRequired: true),
        .value(
            "type", \.engineType,
            .choice("an engine type", engineTypes.enumerated().map { ($1, UInt32($0)) }), isRequired: true),
    ])
}
