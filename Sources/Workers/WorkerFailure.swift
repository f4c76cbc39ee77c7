public import Linux
public import WorkerProtocol

/// What went wrong with the worker itself.
public enum WorkerFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The process could not be started.
    case launch(SystemError)
    /// The process could not set itself up: what it was doing, and the errno.
    case start(StartStage, code: Int32)
    /// It did not become ready in time.
    case startTimeout
    /// It has failed to start too often. Every job is lost from now on.
    case givenUp
    /// The process ended.
    case ended(ExitStatus)
    /// It sent bytes that are no record.
    case badRecord(RecordError)
    /// It said something that cannot be so. A kernel has taken it over, or a bug.
    case contradiction(String)
    /// It made this many system calls to map memory that nobody ordered. Each was refused.
    case unorderedMappings(Int)
    /// A job did not leave after an abort; its id.
    case unresponsive(job: UInt64)
    /// It does not take its orders any more; how many wait.
    case behind(orders: Int)
    /// The channel or the listener failed.
    case channel(SystemError)
    /// The kernel refused a mapping; the range reads and writes as it did before. The process goes on.
    case mappingRefused(address: UInt64, length: UInt64, code: Int32)
    /// A mapping that is not aligned, is outside the GPU's window, or names no file was dropped.
    case badMapping(GPUMapping)
    /// The address space has as many mappings as it may have. This one was dropped.
    case tooManyMappings(GPUMapping)

    public var description: String {
        switch self {
        case .launch(let error): "\(error)"
        case .start(let stage, let code):
            "the worker could not set up its \(stage): \(SystemError.text(of: code))"
        case .startTimeout: "the worker did not become ready in time"
        case .givenUp: "the worker failed to start too often"
        case .ended(let status): "the worker \(status)"
        case .badRecord(let error): "the worker sent \(error)"
        case .contradiction(let text): "the worker \(text)"
        case .unorderedMappings(let count): "the worker tried \(count) mappings that were not ordered"
        case .unresponsive(let job): "job \(job) did not leave"
        case .behind(let orders): "the worker is \(orders) orders behind"
        case .channel(let error): "\(error)"
        case .mappingRefused(let address, let length, let code):
            "mapping \(length) bytes at 0x\(String(address, radix: 16)): \(SystemError.text(of: code))"
        case .badMapping(let mapping): "cannot map \(mapping)"
        case .tooManyMappings(let mapping): "no more mappings: \(mapping)"
        }
    }

    /// Whether the process is over.
    var isFatal: Bool {
        switch self {
        case .mappingRefused, .badMapping, .tooManyMappings: false
        default: true
        }
    }
}
