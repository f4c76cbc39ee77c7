/// What the host tells a worker.
public enum HostRecord: Hashable, Sendable {
    /// Map a slice of a file at a GPU address. The host lets exactly one such system call through.
    case map(MapOrder)
    /// Take a range out of the address space. Parts that are not mapped do not matter.
    case unmap(address: UInt64, length: UInt64)
    /// Run a command buffer on an engine that is idle.
    case run(RunOrder)
    /// End a job early. A job that has ended meanwhile is left alone.
    case abort(job: UInt64, engine: UInt32)
    /// The code object asked for is ready to be mapped from `Channel.codeDescriptor`.
    case codeReady(job: UInt64, engine: UInt32, image: CodeImageSize)
    /// The code object asked for is not entirely mapped: the address of the first byte that is missing.
    case codeUnmapped(job: UInt64, engine: UInt32, address: UInt64)
    /// The code object asked for is not acceptable. The host keeps the reason.
    case codeRefused(job: UInt64, engine: UInt32)
    /// Answer when all records before this one have been carried out.
    case synchronize(token: UInt64)

    private enum Kind {
        static let map: UInt32 = 1
        static let unmap: UInt32 = 2
        static let run: UInt32 = 3
        static let abort: UInt32 = 4
        static let codeReady: UInt32 = 5
        static let codeUnmapped: UInt32 = 6
        static let codeRefused: UInt32 = 7
        static let synchronize: UInt32 = 8
    }

    /// The record on the wire.
    public var record: Record {
        switch self {
        case .map(let order):
            var record = Record(kind: Kind.map, operand: order.access.rawValue)
            record.words[1] = order.address
            record.words[2] = order.length
            record.words[3] = UInt64(order.descriptor)
            record.words[4] = order.offset
            return record
        case .unmap(let address, let length):
            var record = Record(kind: Kind.unmap)
            record.words[1] = address
            record.words[2] = length
            return record
        case .run(let order):
            var record = Record(kind: Kind.run, operand: order.engine)
            record.words[1] = order.job
            record.words[2] = order.address
            record.words[3] = order.length
            return record
        case .abort(let job, let engine):
            return HostRecord.record(Kind.abort, job, engine)
        case .codeReady(let job, let engine, let image):
            var record = HostRecord.record(Kind.codeReady, job, engine)
            record.words[2] = image.imageBytes
            record.words[3] = image.fileBytes
            record.words[4] = image.alignment
            return record
        case .codeUnmapped(let job, let engine, let address):
            var record = HostRecord.record(Kind.codeUnmapped, job, engine)
            record.words[2] = address
            return record
        case .codeRefused(let job, let engine):
            return HostRecord.record(Kind.codeRefused, job, engine)
        case .synchronize(let token):
            var record = Record(kind: Kind.synchronize)
            record.words[1] = token
            return record
        }
    }

    private static func record(_ kind: UInt32, _ job: UInt64, _ engine: UInt32) -> Record {
        var record = Record(kind: kind, operand: engine)
        record.words[1] = job
        return record
    }

    /// Decodes a record.
    ///
    /// - Throws: `RecordError` when the kind is unknown or a word has an impossible value.
    public init(_ record: Record) throws(RecordError) {
        self = try HostRecord.decode(record)
        try record.requireEqual(self.record)
    }

    private static func decode(_ record: Record) throws(RecordError) -> HostRecord {
        let words = record.words
        let engine = record.operand
        switch record.kind {
        case Kind.map:
            let access = GPUAccess(rawValue: record.operand)
            guard GPUAccess.all.isSuperset(of: access) else {
                throw .badValue(kind: record.kind, word: 0, value: UInt64(record.operand))
            }
            guard let descriptor = UInt32(exactly: words[3]) else {
                throw .badValue(kind: record.kind, word: 3, value: words[3])
            }
            return .map(
                MapOrder(
                    address: words[1], length: words[2], descriptor: descriptor, offset: words[4], access: access))
        case Kind.unmap:
            return .unmap(address: words[1], length: words[2])
        case Kind.run:
            return .run(RunOrder(job: words[1], engine: engine, address: words[2], length: words[3]))
        case Kind.abort:
            return .abort(job: words[1], engine: engine)
        case Kind.codeReady:
            return .codeReady(
                job: words[1], engine: engine,
                image: CodeImageSize(imageBytes: words[2], fileBytes: words[3], alignment: words[4]))
        case Kind.codeUnmapped:
            return .codeUnmapped(job: words[1], engine: engine, address: words[2])
        case Kind.codeRefused:
            return .codeRefused(job: words[1], engine: engine)
        case Kind.synchronize:
            return .synchronize(token: words[1])
        default:
            throw .unknownKind(record.kind)
        }
    }
}

/// A slice of a file at a GPU address: all numbers are multiples of 4096.
public struct MapOrder: Hashable, Sendable {
    /// GPU virtual address of the slice.
    public var address: UInt64
    /// Bytes.
    public var length: UInt64
    /// The file's descriptor number in the worker.
    public var descriptor: UInt32
    /// Byte offset into the file.
    public var offset: UInt64
    public var access: GPUAccess

    public init(address: UInt64, length: UInt64, descriptor: UInt32, offset: UInt64, access: GPUAccess) {
        self.address = address
        self.length = length
        self.descriptor = descriptor
        self.offset = offset
        self.access = access
    }
}

/// A command buffer for an engine.
public struct RunOrder: Hashable, Sendable {
    /// The job's name in later records; never 0.
    public var job: UInt64
    /// Index of the engine.
    public var engine: UInt32
    /// GPU address of the first packet.
    public var address: UInt64
    /// Bytes.
    public var length: UInt64

    public init(job: UInt64, engine: UInt32, address: UInt64, length: UInt64) {
        self.job = job
        self.engine = engine
        self.address = address
        self.length = length
    }
}
