import CSoftGPU
import CWorker
import WorkerProtocol

/// Runs command buffers, one after the other, on its own thread.
@safe struct Engine {
    // SAFETY: engines live as long as the process.
    private let handle: OpaquePointer
    private let index: UInt32
    private let code: CodeCache
    private let channel = HostChannel()
    private var reader: CommandReader
    /// Code that the job at hand has checked and keeps.
    private var held: [CodeKey: LoadedCode] = [:]
    private var job = worker_job()

    init(handle: OpaquePointer, index: UInt32, code: CodeCache) {
        unsafe self.handle = handle
        self.index = index
        self.code = code
        reader = CommandReader()
    }

    mutating func run() -> Never {
        while true {
            job = unsafe worker_engine_next(handle)
            let startedAt = worker_clock()
            let end = runJob()
            for loaded in held.values { code.release(loaded) }
            held.removeAll(keepingCapacity: true)
            // Idle before the host hears of it: it may answer with the next job.
            unsafe worker_engine_finish(handle)
            channel.send(
                .ended(
                    JobReport(
                        job: job.id, engine: index, end: end, packetOffset: reader.offset, startedAt: startedAt,
                        endedAt: worker_clock())))
        }
    }

    private mutating func runJob() -> JobEnd {
        reader.start(length: job.length)
        do {
            try refusing { () throws(CommandError) in
                try CommandPacket.check(address: job.address, length: job.length)
            }
            while reader.remaining > 0 {
                let packet = try nextPacket()
                try execute(packet.packet)
                reader.advance(packet.size)
            }
            return .completed
        } catch {
            return error.end
        }
    }

    private mutating func nextPacket() throws(JobStop) -> CommandPacket.Decoded {
        while let missing = reader.missing(address: job.address) {
            try requireWindow(missing.address, missing.bytes, write: false)
            var fault = worker_fault()
            // SAFETY: the reader's window has room for what it says is missing.
            try check(unsafe worker_fetch(handle, reader.window, missing.address, missing.bytes, &fault), fault)
            reader.fetched(missing.bytes)
        }
        do {
            return try reader.decode()
        } catch {
            throw JobStop(end: .invalidCommand(error))
        }
    }

    private mutating func execute(_ packet: CommandPacket) throws(JobStop) {
        var fault = worker_fault()
        switch packet {
        case .nop:
            if unsafe worker_engine_stopping(handle) { throw JobStop(end: .aborted) }
        case .copy(let destination, let source, let bytes):
            try requireWindow(source, bytes, write: false)
            try requireWindow(destination, bytes, write: true)
            try check(unsafe worker_copy(handle, destination, source, bytes, &fault), fault)
        case .fill(let destination, let bytes, let pattern):
            try requireWindow(destination, bytes, write: true)
            try check(unsafe worker_fill(handle, destination, bytes, pattern, &fault), fault)
        case .write32(let address, let value):
            try requireWindow(address, 4, write: true)
            try check(unsafe worker_store32(handle, address, value, &fault), fault)
        case .write64(let address, let value):
            try requireWindow(address, 8, write: true)
            try check(unsafe worker_store64(handle, address, value, &fault), fault)
        case .timestamp(let address):
            try requireWindow(address, 8, write: true)
            try check(unsafe worker_store64(handle, address, worker_clock(), &fault), fault)
        case .dispatch(let dispatch):
            try execute(dispatch)
        case .hang:
            try check(unsafe worker_hang(handle, &fault), fault)
        case .fault(let address, let write):
            try requireWindow(address, 1, write: write)
            try check(unsafe worker_touch(handle, address, write, &fault), fault)
        }
    }

    private mutating func execute(_ packet: softgpu_dispatch) throws(JobStop) {
        let groups = packet.groups
        guard groups.0 > 0, groups.1 > 0, groups.2 > 0 else { return }
        let image = try loadCode(CodeKey(address: packet.code, size: packet.code_size))
        let entry = packet.entry == 0 ? image.entry : packet.entry
        guard image.executable.contains(where: { $0.contains(entry) }) else {
            throw JobStop(end: .invalidCommand(CommandError(.entryOutsideCode, value: entry)))
        }
        var dispatch = worker_dispatch()
        dispatch.entry = image.base + entry
        dispatch.arguments = packet.arguments
        dispatch.groups = packet.groups
        dispatch.group_size = packet.group_size
        dispatch.group_memory = UInt64(packet.group_memory)
        var fault = worker_fault()
        try check(unsafe worker_run_groups(handle, &dispatch, &fault), fault)
    }

    // MARK: - Code

    private mutating func loadCode(_ key: CodeKey) throws(JobStop) -> LoadedImage {
        if let loaded = held[key] { return loaded.image }
        try requireWindow(key.address, key.size, write: false)
        let loaded = try code.loading.with { () throws(JobStop) -> LoadedCode in
            if let known = code.retain(key) {
                if try isCurrent(known) { return known }
                code.drop(known)
                code.release(known)
            }
            return try load(key)
        }
        held[key] = loaded
        return loaded.image
    }

    /// Whether the bytes in GPU memory are those that were loaded. A fault lets go of the code.
    private func isCurrent(_ loaded: LoadedCode) throws(JobStop) -> Bool {
        var fault = worker_fault()
        var equal = false
        let source = unsafe UnsafeRawPointer(bitPattern: UInt(loaded.image.source))
        do {
            // SAFETY: the image stays mapped while it is retained.
            try check(
                unsafe worker_compare(handle, source, loaded.key.address, loaded.key.size, &equal, &fault), fault)
        } catch {
            code.release(loaded)
            throw error
        }
        return equal
    }

    private func load(_ key: CodeKey) throws(JobStop) -> LoadedCode {
        unsafe worker_engine_expect_answer(handle)
        channel.send(.needCode(job: job.id, engine: index, address: key.address, size: key.size))
        var words = worker_answer()
        guard unsafe worker_engine_wait_answer(handle, &words) else { throw JobStop(end: .aborted) }
        let size: CodeImageSize
        switch CodeAnswer(words) {
        case .ready(let image): size = image
        case .unmapped(let address): throw JobStop(end: .pageFault(address: address, write: false))
        case .refused: throw JobStop(end: .codeRefused)
        }
        guard let base = code.takeRoom(size.fileBytes, alignment: size.alignment) else {
            throw JobStop(end: .invalidCommand(CommandError(.outOfCodeMemory, value: size.fileBytes)))
        }
        do {
            let image = try LoadedImage(base: base, size: size)
            let loaded = LoadedCode(key: key, base: base, span: size.fileBytes, image: image)
            code.insert(loaded)
            return loaded
        } catch {
            code.giveBackRoom(base, size.fileBytes)
            throw JobStop(end: .invalidCommand(CommandError(.outOfCodeMemory, value: size.fileBytes)))
        }
    }

    // MARK: - Ends

    /// Packets reach GPU memory only: what lies outside the window is the worker's own, or nobody's.
    private func requireWindow(_ address: UInt64, _ bytes: UInt64, write: Bool) throws(JobStop) {
        let window = Channel.gpuWindow
        guard bytes > 0 else { return }
        guard window.contains(address) else { throw JobStop(end: .pageFault(address: address, write: write)) }
        guard window.upperBound - address >= bytes else {
            throw JobStop(end: .pageFault(address: window.upperBound, write: write))
        }
    }

    private func refusing(_ body: () throws(CommandError) -> Void) throws(JobStop) {
        do {
            try body()
        } catch {
            throw JobStop(end: .invalidCommand(error))
        }
    }

    private func check(_ outcome: worker_outcome, _ fault: worker_fault) throws(JobStop) {
        switch outcome {
        case WORKER_DONE: return
        case WORKER_STOPPED: throw JobStop(end: .aborted)
        default: throw JobStop(end: JobEnd(fault))
        }
    }
}

/// What ends a job before its last packet.
struct JobStop: Error {
    let end: JobEnd
}
