/// What a guest has on the software GPU at a moment, as the control socket tells it (docs/control.md 4).
public struct GuestInspection: Codable, Hashable, Sendable {
    /// GPU-PV interface version in force: 27 or 40.
    public var interfaceVersion: UInt32
    /// Bytes of all allocations, and how many there may be.
    public var memory: Amount
    /// Bytes of IO space handed out, and how many there are.
    public var ioSpace: Amount
    /// Handles of all processes, and how many there may be.
    public var objects: Amount
    /// Shared fences and resources, and how many there may be.
    public var sharedObjects: Amount
    public var adapters: [VirtualAdapterInspection]
    public var processes: [ProcessInspection]

    /// How much of something is in use.
    public struct Amount: Codable, Hashable, Sendable {
        /// In the unit of the property.
        public var used: UInt64
        /// The most that there may be.
        public var limit: UInt64

        public init(used: UInt64, limit: UInt64) {
            self.used = used
            self.limit = limit
        }
    }
}
