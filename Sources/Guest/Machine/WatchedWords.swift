internal import Synchronization

/// The 64-bit words of the IO space that the host pushed because the guest watches them
/// (docs/protocol/carrier.md, Types: IO_WATCH).
final class WatchedWords: Sendable {
    private let words = Mutex<[UInt64: UInt64]>([:])

    /// The newest value of the word at this offset, if the host has pushed one.
    func word(at offset: UInt64) -> UInt64? { words.withLock { $0[offset] } }

    /// Takes a change. A word that it covers in part is forgotten, and so read from the host when it is next asked for.
    func changed(_ offset: UInt64, _ bytes: [UInt8]) {
        let (end, overflow) = offset.addingReportingOverflow(UInt64(bytes.count))
        if overflow { return }
        words.withLock { words in
            var start = offset & ~7
            while start < end {
                if start >= offset, end - start >= 8 {
                    let first = Int(start - offset)
                    words[start] = (0..<8).reduce(0) { $0 | UInt64(bytes[first + $1]) << UInt64(8 * $1) }
                } else {
                    words[start] = nil
                }
                if start > UInt64.max - 8 { return }
                start += 8
            }
        }
    }

    /// Forgets a range that is no longer watched.
    func forget(_ offset: UInt64, _ length: UInt64) {
        words.withLock { words in
            for start in words.keys where start >= offset && start - offset < length { words[start] = nil }
        }
    }
}
