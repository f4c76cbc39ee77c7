/// A synchronization object, who waits for it, and who could end that (docs/control.md 5).
public struct FenceInspection: Codable, Hashable, Sendable {
    public var name: FenceName
    public var kind: Kind
    /// What it is for.
    public var role: Role
    /// Value of a fence; 1 for a held mutex; how often a semaphore can be taken.
    public var value: UInt64
    public var isShared: Bool
    /// Processes with a handle to it, in hexadecimal, each once.
    public var processes: [String]
    /// Whether GPU code of a process has it mapped with the right to signal: then a command buffer may signal it too.
    public var isGPUWritable: Bool
    public var waiters: [WaiterInspection]
    public var signallers: [SignallerInspection]

    /// D3DDDI_SYNCHRONIZATIONOBJECT_TYPE.
    public enum Kind: String, Codable, Hashable, Sendable {
        case mutex, semaphore, fence, cpuNotification, monitoredFence, periodicMonitoredFence
    }

    /// Whose it is.
    public enum Role: String, Codable, Hashable, Sendable {
        case user
        /// Of a paging queue.
        case pagingFence
        /// Of a hardware queue.
        case progressFence
    }
}
