import CWorker
import WorkerProtocol

/// Carries out the host's orders one after the other.
struct Service {
    let channel: HostChannel

    func run() -> Never {
        do {
            try channel.receive { record throws(RecordError) in carryOut(record) }
            // The host closed the channel: this address space is over.
            worker_exit(0)
        } catch {
            worker_exit(2)
        }
    }

    private func carryOut(_ record: HostRecord) {
        switch record {
        case .map(let order):
            let error = map(order)
            if error != 0 { channel.send(.orderFailed(address: order.address, length: order.length, code: error)) }
        case .unmap(let address, let length):
            CodeCache.shared.drop(address: address, length: length)
            let error = worker_unmap(address, length)
            if error != 0 { channel.send(.orderFailed(address: address, length: length, code: error)) }
        case .run(let order):
            let job = worker_job(id: order.job, address: order.address, length: order.length)
            // SAFETY: engines are made before the service starts and live as long as the process, here and below.
            guard let engine = unsafe engine(order.engine), unsafe worker_engine_submit(engine, job) else {
                worker_exit(2)
            }
        case .abort(let job, let engine):
            guard let engine = unsafe self.engine(engine) else { worker_exit(2) }
            unsafe worker_engine_abort(engine, job)
        case .codeReady(let job, let engine, let image):
            answer(engine, job, .ready(image))
        case .codeUnmapped(let job, let engine, let address):
            answer(engine, job, .unmapped(address))
        case .codeRefused(let job, let engine):
            answer(engine, job, .refused)
        case .synchronize(let token):
            channel.send(.synchronized(token: token))
        }
    }

    private func map(_ order: MapOrder) -> Int32 {
        guard order.descriptor != Channel.zeros else {
            return worker_map_zeros(order.address, order.length, order.offset)
        }
        return worker_map_shared(
            order.address, order.length, Int32(order.descriptor), order.offset, protection(order.access))
    }

    private func engine(_ index: UInt32) -> OpaquePointer? {
        unsafe worker_engine_at(index)
    }

    private func answer(_ index: UInt32, _ job: UInt64, _ answer: CodeAnswer) {
        guard let engine = unsafe engine(index) else { worker_exit(2) }
        unsafe worker_engine_answer(engine, job, answer.words)
    }

    private func protection(_ access: GPUAccess) -> UInt32 {
        var bits: UInt32 = 0
        if access.contains(.read) { bits |= WORKER_READ.rawValue }
        if access.contains(.write) { bits |= WORKER_READ.rawValue | WORKER_WRITE.rawValue }
        return bits
    }
}

/// The host's answer to a request for code, as it passes from the service thread to an engine.
enum CodeAnswer {
    case ready(CodeImageSize)
    case unmapped(UInt64)
    case refused

    private enum Kind {
        static let ready: UInt32 = 1
        static let unmapped: UInt32 = 2
        static let refused: UInt32 = 3
    }

    var words: worker_answer {
        switch self {
        case .ready(let image):
            worker_answer(kind: Kind.ready, values: (image.imageBytes, image.fileBytes, image.alignment))
        case .unmapped(let address):
            worker_answer(kind: Kind.unmapped, values: (address, 0, 0))
        case .refused:
            worker_answer(kind: Kind.refused, values: (0, 0, 0))
        }
    }

    init(_ words: worker_answer) {
        switch words.kind {
        case Kind.ready:
            self = .ready(
                CodeImageSize(imageBytes: words.values.0, fileBytes: words.values.1, alignment: words.values.2))
        case Kind.unmapped: self = .unmapped(words.values.0)
        default: self = .refused
        }
    }
}
