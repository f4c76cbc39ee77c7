/// An adapter that guests can be offered (docs/control.md 6).
public struct AdapterCapability: Codable, Hashable, Sendable {
    /// Its name in the configuration.
    public var name: String
    /// The profile that it starts from.
    public var profile: String
    /// What a guest's user sees.
    public var description: String
    /// Vendor and device of the PCI function, in hexadecimal.
    public var pciID: String
    /// Bytes of its own memory.
    public var memory: UInt64
    /// Bytes of system memory that it may use.
    public var nonLocalMemory: UInt64
    /// The driver model that user-mode drivers are told: 3000 is WDDM 3.0.
    public var wddmVersion: UInt32
    /// Whether hardware queues work.
    public var hardwareScheduling: Bool
    /// The types of its engines, in the order of their ordinals.
    public var nodes: [String]

    /// All of it.
    public init(
        name: String, profile: String, description: String, pciID: String, memory: UInt64, nonLocalMemory: UInt64,
        wddmVersion: UInt32, hardwareScheduling: Bool, nodes: [String]
    ) {
        self.name = name
        self.profile = profile
        self.description = description
        self.pciID = pciID
        self.memory = memory
        self.nonLocalMemory = nonLocalMemory
        self.wddmVersion = wddmVersion
        self.hardwareScheduling = hardwareScheduling
        self.nodes = nodes
    }
}
