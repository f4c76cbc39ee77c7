/// What one guest may use up of the host by its connection.
public struct CarrierLimits: Hashable, Sendable {
    /// How long a connection may take to send its HELLO.
    public var helloNanoseconds: UInt64 = 5_000_000_000
    /// The most bytes of a HELLO with its header.
    public var helloBytes = 65_536
    /// How many connections of one listener may be without a complete HELLO at once.
    public var halfOpenConnections = 16
    /// The host reads no more from a guest for as long as more than this waits to be sent to it.
    public var pausingBytes = 1_048_576
    /// The connection ends when more than this waits to be sent.
    public var queuedBytes = 16_777_216
    /// How many requests for guest memory may be unanswered; more fail with ENOBUFS.
    public var memoryRequests = 4096
    /// How many MEMORY_READ and MEMORY_WRITE frames may be unanswered.
    public var memoryFrames = 32
    /// How many separate ranges of the IO space a guest may watch.
    public var watchedRanges = 1024
    /// How many regions of its memory a guest may share.
    public var memoryRegions = 64
    /// How long a refused guest has to read why.
    public var farewellNanoseconds: UInt64 = 1_000_000_000

    public init() {}
}
