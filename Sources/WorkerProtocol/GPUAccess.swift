/// What the GPU may do with a range of its address space.
public struct GPUAccess: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let read = GPUAccess(rawValue: 1)
    /// The processor's MMU has no write-only pages: writing allows reading.
    public static let write = GPUAccess(rawValue: 2)
    /// Recorded only. A dispatch runs a checked copy of a code object, never the bytes in GPU memory, so memory is
    /// never executable.
    public static let execute = GPUAccess(rawValue: 4)

    public static let readWrite: GPUAccess = [.read, .write]
    static let all: GPUAccess = [.read, .write, .execute]
}
