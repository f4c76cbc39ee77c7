public import DXGProtocol
public import VMBus

/// A virtual GPU of the guest that was found, opened and asked who it is.
public struct GuestAdapter: Hashable, Sendable {
    /// The number of its PCI function.
    public let function: UInt32

    /// Its channel.
    public let relid: UInt32

    /// The channel's instance GUID, whose first eight bytes are the LUID that user mode sees.
    public let instance: GUID

    /// The vGPU's LUID, by which commands are routed; zero before interface version 40.
    public let vgpuLUID: LUID

    /// The host's LUID of the adapter, by which statistics are asked.
    public let hostLUID: LUID

    /// The adapter's handle.
    public let handle: D3DKMTHandle

    /// The adapter's name for humans.
    public let name: String

    /// The host's interface version, as OPENADAPTER's reply gives it.
    public let hostInterfaceVersion: UInt32

    /// Whether the host executes hardware queues.
    public let hasHardwareScheduling: Bool

    /// The LUID that user mode sees (docs/protocol/semantics.md 1.1).
    public var luid: LUID { LUID(wire: instance.leadingLUID) }
}
