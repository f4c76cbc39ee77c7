import Linux

/// memcpy between two memory files, as the worker's COPY has them.
final class PlainCopy {
    private let source: MemoryMapping
    private let destination: MemoryMapping

    init(bytes: Int) throws {
        source = try SharedMemory(name: "bench-source", bytes: UInt64(bytes)).map()
        destination = try SharedMemory(name: "bench-destination", bytes: UInt64(bytes)).map()
        // Touched once, so that no page is made while the time is taken.
        destination.copy(from: source)
    }

    /// Nanoseconds of one copy.
    func run() -> UInt64 {
        let start = MonotonicClock.now
        destination.copy(from: source)
        return MonotonicClock.now - start
    }
}
