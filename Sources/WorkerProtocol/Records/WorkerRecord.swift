/// What a worker tells the host. The host treats it as the word of a stranger.
public enum WorkerRecord: Hashable, Sendable {
    /// The first record, with the seccomp listener's descriptor attached.
    case hello(version: UInt64)
    /// The lock-down is complete: orders may come.
    case ready
    /// The worker could not start, and exits.
    case failed(stage: StartStage, code: Int32)
    /// A job has left its engine.
    case ended(JobReport)
    /// A dispatch needs code that is not loaded. The engine waits.
    case needCode(job: UInt64, engine: UInt32, address: UInt64, size: UInt64)
    /// The kernel refused to map or unmap.
    case orderFailed(address: UInt64, length: UInt64, code: Int32)
    /// Everything before this token's `synchronize` has been carried out.
    case synchronized(token: UInt64)

    private enum Kind {
        static let hello: UInt32 = 0x101
        static let ready: UInt32 = 0x102
        static let failed: UInt32 = 0x103
        static let ended: UInt32 = 0x104
        static let needCode: UInt32 = 0x105
        static let orderFailed: UInt32 = 0x106
        static let synchronized: UInt32 = 0x107
    }

    /// The record on the wire.
    public var record: Record {
        switch self {
        case .hello(let version):
            var record = Record(kind: Kind.hello)
            record.words[1] = version
            return record
        case .ready:
            return Record(kind: Kind.ready)
        case .failed(let stage, let code):
            var record = Record(kind: Kind.failed, operand: stage.rawValue)
            record.words[1] = UInt64(UInt32(bitPattern: code))
            return record
        case .ended(let report):
            var record = Record(kind: Kind.ended, operand: report.engine)
            record.words[1] = report.job
            record.words[2] = report.startedAt
            record.words[3] = report.endedAt
            record.words[4] = report.packetOffset
            let (what, detail, number) = report.end.words
            record.words[5] = what
            record.words[6] = detail
            record.words[7] = number
            return record
        case .needCode(let job, let engine, let address, let size):
            var record = Record(kind: Kind.needCode, operand: engine)
            record.words[1] = job
            record.words[2] = address
            record.words[3] = size
            return record
        case .orderFailed(let address, let length, let code):
            var record = Record(kind: Kind.orderFailed, operand: UInt32(bitPattern: code))
            record.words[1] = address
            record.words[2] = length
            return record
        case .synchronized(let token):
            var record = Record(kind: Kind.synchronized)
            record.words[1] = token
            return record
        }
    }

    /// Decodes a record.
    ///
    /// - Throws: `RecordError` when the kind is unknown or a word has an impossible value.
    public init(_ record: Record) throws(RecordError) {
        self = try WorkerRecord.decode(record)
        try record.requireEqual(self.record)
    }

    private static func decode(_ record: Record) throws(RecordError) -> WorkerRecord {
        let words = record.words
        switch record.kind {
        case Kind.hello:
            return .hello(version: words[1])
        case Kind.ready:
            return .ready
        case Kind.failed:
            guard let stage = StartStage(rawValue: record.operand) else {
                throw .badValue(kind: record.kind, word: 0, value: UInt64(record.operand))
            }
            return .failed(stage: stage, code: Int32(truncatingIfNeeded: words[1]))
        case Kind.ended:
            let end = try JobEnd(kind: record.kind, what: words[5], detail: words[6], number: words[7])
            return .ended(
                JobReport(
                    job: words[1], engine: record.operand, end: end, packetOffset: words[4], startedAt: words[2],
                    endedAt: words[3]))
        case Kind.needCode:
            return .needCode(job: words[1], engine: record.operand, address: words[2], size: words[3])
        case Kind.orderFailed:
            return .orderFailed(address: words[1], length: words[2], code: Int32(bitPattern: record.operand))
        case Kind.synchronized:
            return .synchronized(token: words[1])
        default:
            throw .unknownKind(record.kind)
        }
    }
}

/// What a worker was doing when it could not start.
public enum StartStage: UInt32, Sendable {
    case arguments = 1
    case memory = 2
    case threads = 3
    case addressSpace = 4
    case limits = 5
    case filter = 6
}
