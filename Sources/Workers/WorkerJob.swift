public import WorkerProtocol

/// A command buffer to be run. `docs/softgpu.md, Command buffers` says what is in it.
public struct WorkerJob: Hashable, Sendable {
    /// The caller's name for it, unique among the jobs under way, and not 0.
    public var id: UInt64
    /// Which of the engines runs it. One that is busy runs it after what it has.
    public var engine: Int
    /// GPU address of the first packet.
    public var commandBuffer: UInt64
    /// Bytes.
    public var length: UInt64

    public init(id: UInt64, engine: Int, commandBuffer: UInt64, length: UInt64) {
        self.id = id
        self.engine = engine
        self.commandBuffer = commandBuffer
        self.length = length
    }
}

/// How a job ended. `packetOffset` is the byte offset of the packet that ended it.
public enum JobOutcome: Hashable, Sendable {
    case completed
    /// A touch of memory that is not mapped, or not mapped for writing. A non-canonical address is not known.
    case pageFault(address: UInt64?, write: Bool, packetOffset: UInt64)
    case invalidCommand(packetOffset: UInt64, reason: InvalidCommand)
    /// A kernel did something else that a processor stops at.
    case faulted(packetOffset: UInt64, fault: ProcessorFault)
    case aborted
    /// The process that ran it is gone, for this reason. What the job did up to then stays in memory.
    case lost(WorkerFailure)
}

/// Why a command was refused.
public enum InvalidCommand: Hashable, Sendable, CustomStringConvertible {
    case packet(CommandError)
    /// The bytes that a dispatch names are no code object.
    case codeObject(CodeObjectError)

    public var description: String {
        switch self {
        case .packet(let error): "\(error)"
        case .codeObject(let error): "\(error)"
        }
    }
}
