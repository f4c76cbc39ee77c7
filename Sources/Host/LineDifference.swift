import Glibc

/// Where two buffers of the same length differ, in lines of 64 bytes.
enum LineDifference {
    static let lineBytes = 64

    /// The differing lines, neighbours joined, in order.
    static func ranges(from old: [UInt8], to new: [UInt8]) -> [Range<Int>] {
        precondition(old.count == new.count, "buffers of different lengths")
        var result: [Range<Int>] = []
        // SAFETY: every comparison lies inside both buffers, whose lengths are equal and do not change here.
        unsafe old.withUnsafeBufferPointer { old in
            unsafe new.withUnsafeBufferPointer { new in
                guard let a = old.baseAddress, let b = new.baseAddress else { return }
                var start = 0
                while start < new.count {
                    let end = min(start + lineBytes, new.count)
                    if unsafe memcmp(a + start, b + start, end - start) != 0 {
                        if let last = result.last, last.upperBound == start {
                            result[result.count - 1] = last.lowerBound..<end
                        } else {
                            result.append(start..<end)
                        }
                    }
                    start = end
                }
            }
        }
        return result
    }
}
