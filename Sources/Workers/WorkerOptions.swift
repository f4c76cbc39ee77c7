/// How the worker of an address space is run.
public struct WorkerOptions {
    /// Path of the `understudy-worker` program.
    public var executable: String
    /// Threads that may run work-groups of one dispatch, 1 to 112: the engine's own and helpers that all engines share.
    public var lanes: Int
    /// How many jobs may run at once, 1 to 16: one per GPU node.
    public var engines: Int
    /// How long an aborted job has to leave before the process is killed.
    public var abortPatienceNanoseconds: UInt64 = 1_000_000_000
    /// How long a process has to become ready.
    public var startPatienceNanoseconds: UInt64 = 5_000_000_000
    /// Most mappings of the address space; Linux allows a process 65530 (vm.max_map_count).
    public var maximumMappings = 60_000
    /// Most orders that wait for the worker to take them. One that falls further behind is replaced: its successor
    /// gets the mappings as they are then.
    public var maximumQueuedOrders = 1 << 17
    /// Loaded code objects. Copies of these options share it.
    public var codeImages = CodeImageCache()

    public init(executable: String, lanes: Int, engines: Int) {
        self.executable = executable
        self.lanes = lanes
        self.engines = engines
    }
}

/// Memory that GPU mappings are slices of.
public struct WorkerFile: Hashable, Sendable {
    /// Borrowed: the address space keeps a duplicate.
    public var descriptor: Int32
    /// Its size.
    public var bytes: UInt64

    public init(descriptor: Int32, bytes: UInt64) {
        self.descriptor = descriptor
        self.bytes = bytes
    }
}
