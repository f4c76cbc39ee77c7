/// How the worker processes are run, one for each GPU address space.
public struct WorkerSettings: Sendable {
    /// The worker program; nil: the one beside the server's.
    public var executable: String?
    /// Threads that run work-groups in each worker; nil: one per processor.
    public var lanes: Int?
    /// How long an aborted job has to leave before the process is killed.
    public var abortPatienceNanoseconds: UInt64 = 100_000_000
    /// How long a process has to become ready.
    public var startPatienceNanoseconds: UInt64 = 5_000_000_000

    public init() {}

    private static let hour: UInt64 = 3_600_000_000_000
    private static let millisecond: UInt64 = 1_000_000

    static let schema = Schema<WorkerSettings>(fields: [
        .value("executable", \.executable, .optional(.path("a program"), or: "none")),
        .value("lanes", \.lanes, .optional(.number(1...112), or: "auto")),
        .value("abort-patience", \.abortPatienceNanoseconds, .duration(millisecond...hour)),
        .value("start-patience", \.startPatienceNanoseconds, .duration(millisecond...hour)),
    ])
}
