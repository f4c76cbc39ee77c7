/// What the GPU's results and times are compared with: plain loops on one core.
enum PlainLoops {
    /// The product of two square matrices with so many rows, row by row in memory.
    static func product(_ a: [Float], _ b: [Float], size: Int) -> [Float] {
        var c = [Float](repeating: 0, count: size * size)
        // SAFETY: all indices are below size * size, the length of each buffer.
        unsafe c.withUnsafeMutableBufferPointer { c in
            unsafe a.withUnsafeBufferPointer { a in
                unsafe b.withUnsafeBufferPointer { b in
                    for i in 0..<size {
                        for k in 0..<size {
                            let factor = unsafe a[i * size + k]
                            for j in 0..<size { unsafe c[i * size + j] += factor * b[k * size + j] }
                        }
                    }
                }
            }
        }
        return c
    }
}

extension [Float] {
    /// self += factor * other, element by element.
    mutating func addScaled(_ other: [Float], by factor: Float) {
        precondition(count == other.count, "arrays of different lengths")
        // SAFETY: both buffers have the length that the loop runs to.
        unsafe withUnsafeMutableBufferPointer { y in
            unsafe other.withUnsafeBufferPointer { x in
                for index in 0..<x.count { unsafe y[index] = factor * x[index] + y[index] }
            }
        }
    }

    /// The floats in `bytes`.
    init(bytes: [UInt8]) {
        self = unsafe bytes.withUnsafeBytes { raw in
            // SAFETY: every bit pattern is a float, and the loads stay inside the whole floats of the buffer.
            (0..<raw.count / MemoryLayout<Float>.size).map {
                unsafe raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Float>.size, as: Float.self)
            }
        }
    }
}

extension Array where Element: BitwiseCopyable {
    /// The elements' bytes; the elements have no padding.
    var bytes: [UInt8] { unsafe withUnsafeBytes { unsafe [UInt8]($0) } }
}
