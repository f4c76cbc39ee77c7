import CWorker
import WorkerProtocol

/// Which code object: where it lies in GPU memory.
struct CodeKey: Hashable {
    var address: UInt64
    var size: UInt64
}

/// A code object mapped in the code window.
final class LoadedCode {
    let key: CodeKey
    let base: UInt64
    /// Bytes mapped from `base` on.
    let span: UInt64
    let image: LoadedImage
    /// Jobs that use it. Guarded by the cache's lock, as the two below.
    var users = 1
    /// Out of the table: goes with its last user.
    var isDropped = false
    var lastUse: UInt64 = 0

    init(key: CodeKey, base: UInt64, span: UInt64, image: LoadedImage) {
        self.key = key
        self.base = base
        self.span = span
        self.image = image
    }
}

/// The loaded code of the address space, kept while it is mapped and its bytes are the same.
///
/// `@unchecked`: everything mutable is touched under `lock`.
final class CodeCache: @unchecked Sendable {
    static let shared = CodeCache()

    /// Most code objects at once: each takes memory of the worker and some of Linux's mappings.
    private static let maximumCount = 1024

    private let lock = Lock()
    private var table: [CodeKey: LoadedCode] = [:]
    private var window = AddressRanges(Channel.codeWindow)
    private var clock: UInt64 = 0

    /// Held by an engine while it loads, so that two engines do not load the same code twice. The service thread never
    /// takes it: it brings the answers that a loading engine waits for.
    let loading = Lock()

    /// Finds code and keeps it until `release`.
    func retain(_ key: CodeKey) -> LoadedCode? {
        lock.with {
            guard let code = table[key] else { return nil }
            clock += 1
            code.users += 1
            code.lastUse = clock
            return code
        }
    }

    /// Takes room for an image, at the cost of code that no job uses.
    func takeRoom(_ bytes: UInt64, alignment: UInt64) -> UInt64? {
        lock.with {
            while true {
                if table.count < CodeCache.maximumCount, let base = window.take(bytes, alignment: alignment) {
                    return base
                }
                // Ages differ, so the choice does not depend on the table's order.
                let idle = table.values.lazy.filter { $0.users == 0 }
                guard let oldest = idle.min(by: { $0.lastUse < $1.lastUse }) else { return nil }
                remove(oldest)
            }
        }
    }

    func giveBackRoom(_ base: UInt64, _ bytes: UInt64) {
        lock.with { free(base, bytes) }
    }

    /// Enters code that has one user: the caller.
    func insert(_ code: LoadedCode) {
        lock.with {
            clock += 1
            code.lastUse = clock
            if let old = table[code.key] { remove(old) }
            table[code.key] = code
        }
    }

    func release(_ code: LoadedCode) {
        lock.with {
            code.users -= 1
            if code.users == 0, code.isDropped { free(code.base, code.span) }
        }
    }

    /// Forgets code whose bytes have changed.
    func drop(_ code: LoadedCode) {
        lock.with {
            if !code.isDropped { remove(code) }
        }
    }

    /// Forgets code that lies in a range of GPU memory.
    func drop(address: UInt64, length: UInt64) {
        lock.with {
            let end = address &+ length
            let affected = table.values.filter { $0.key.address < end && $0.key.address &+ $0.key.size > address }
            for code in affected { remove(code) }
        }
    }

    private func remove(_ code: LoadedCode) {
        table[code.key] = nil
        code.isDropped = true
        if code.users == 0 { free(code.base, code.span) }
    }

    private func free(_ base: UInt64, _ bytes: UInt64) {
        // Nothing of it may have been mapped; unmapping nothing is no error.
        _ = worker_unmap(base, bytes)
        window.giveBack(base, bytes)
    }
}

/// A mutex on a futex.
///
/// `@unchecked`: the pointer never changes and what it points to is atomic.
@safe final class Lock: @unchecked Sendable {
    // SAFETY: allocated once and never freed; all locks live as long as the process.
    private let word: UnsafeMutablePointer<worker_mutex>

    init() {
        guard let word = unsafe worker_make_mutex() else { worker_exit(1) }
        unsafe self.word = word
    }

    func with<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        unsafe worker_lock(word)
        defer { unsafe worker_unlock(word) }
        return try body()
    }
}
