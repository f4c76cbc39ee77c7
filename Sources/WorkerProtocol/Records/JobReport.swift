/// How a job went.
public struct JobReport: Hashable, Sendable {
    /// The job's name in its ``RunOrder``.
    public var job: UInt64
    /// Index of the engine that ran it.
    public var engine: UInt32
    public var end: JobEnd
    /// Byte offset into the command buffer of the packet that ended the job; its length when it completed.
    public var packetOffset: UInt64
    /// Nanoseconds of CLOCK_MONOTONIC.
    public var startedAt: UInt64
    /// Nanoseconds of CLOCK_MONOTONIC, as the worker read it.
    public var endedAt: UInt64

    public init(
        job: UInt64, engine: UInt32, end: JobEnd, packetOffset: UInt64, startedAt: UInt64, endedAt: UInt64
    ) {
        self.job = job
        self.engine = engine
        self.end = end
        self.packetOffset = packetOffset
        self.startedAt = startedAt
        self.endedAt = endedAt
    }
}

/// Why a job ended.
public enum JobEnd: Hashable, Sendable {
    case completed
    /// A touch of memory that is not mapped for it. A non-canonical address (or one beyond the window) is not known.
    case pageFault(address: UInt64?, write: Bool)
    case invalidCommand(CommandError)
    /// The host refused the code object.
    case codeRefused
    /// A kernel did something else that a processor stops at.
    case faulted(ProcessorFault)
    case aborted

    private enum What {
        static let completed: UInt64 = 1
        static let pageFault: UInt64 = 2
        static let invalidCommand: UInt64 = 3
        static let codeRefused: UInt64 = 4
        static let faulted: UInt64 = 5
        static let aborted: UInt64 = 6
    }

    private static let addressKnown: UInt64 = 1
    private static let isWrite: UInt64 = 2

    var words: (what: UInt64, detail: UInt64, number: UInt64) {
        switch self {
        case .completed: (What.completed, 0, 0)
        case .pageFault(let address, let write):
            (
                What.pageFault, (address == nil ? 0 : JobEnd.addressKnown) | (write ? JobEnd.isWrite : 0),
                address ?? 0
            )
        case .invalidCommand(let error): (What.invalidCommand, UInt64(error.reason.rawValue), error.value)
        case .codeRefused: (What.codeRefused, 0, 0)
        case .faulted(let fault):
            (What.faulted, UInt64(fault.kind.rawValue) | UInt64(UInt32(bitPattern: fault.code)) << 32, fault.address)
        case .aborted: (What.aborted, 0, 0)
        }
    }

    init(kind: UInt32, what: UInt64, detail: UInt64, number: UInt64) throws(RecordError) {
        switch what {
        case What.completed: self = .completed
        case What.pageFault:
            guard detail & ~(JobEnd.addressKnown | JobEnd.isWrite) == 0 else {
                throw .badValue(kind: kind, word: 6, value: detail)
            }
            self = .pageFault(
                address: detail & JobEnd.addressKnown != 0 ? number : nil, write: detail & JobEnd.isWrite != 0)
        case What.invalidCommand:
            guard let raw = UInt32(exactly: detail), let reason = CommandError.Reason(rawValue: raw) else {
                throw .badValue(kind: kind, word: 6, value: detail)
            }
            self = .invalidCommand(CommandError(reason, value: number))
        case What.codeRefused: self = .codeRefused
        case What.faulted:
            guard let fault = ProcessorFault.Kind(rawValue: UInt32(truncatingIfNeeded: detail)) else {
                throw .badValue(kind: kind, word: 6, value: detail)
            }
            self = .faulted(
                ProcessorFault(fault, code: Int32(truncatingIfNeeded: detail >> 32), address: number))
        case What.aborted: self = .aborted
        default: throw .badValue(kind: kind, word: 5, value: what)
        }
    }
}

/// A stop of the processor that is no page fault.
public struct ProcessorFault: Hashable, Sendable, CustomStringConvertible {
    /// What the kernel did.
    public enum Kind: UInt32, Sendable {
        /// An instruction that is none (SIGILL), such as `ud2`, which compilers place where code must not get to.
        case illegalInstruction = 1
        /// Integer division by zero, or one whose quotient does not fit (SIGFPE).
        case arithmetic = 2
        /// A system call (SIGSYS).
        case systemCall = 3
        /// It used more stack than a lane has.
        case stackOverflow = 4
        /// A bus error without an address, or an access that must be aligned and was not.
        case bus = 5
    }

    public var kind: Kind
    /// The signal's si_code; for a system call, its number.
    public var code: Int32
    /// Address of the instruction; for a stack overflow, the address touched.
    public var address: UInt64

    public init(_ kind: Kind, code: Int32, address: UInt64) {
        self.kind = kind
        self.code = code
        self.address = address
    }

    public var description: String { "\(kind) (code \(code)) at 0x\(String(address, radix: 16))" }
}
