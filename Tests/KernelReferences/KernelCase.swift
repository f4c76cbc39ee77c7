/// A run of example kernels on given memory, and what must lie there afterwards.
///
/// Whoever runs it makes the buffers, performs the launches one after the other, and gives the buffers' bytes to
/// `mismatches(in:)`.
public struct KernelCase: Sendable {
    /// In the order in which arguments refer to them.
    public let buffers: [KernelBuffer]
    public let launches: [KernelLaunch]

    /// What is wrong with the buffers' bytes after the launches, one line per wrong buffer; empty if all is well.
    public func mismatches(in results: [[UInt8]]) -> [String] {
        guard results.count == buffers.count else { return ["\(results.count) buffers instead of \(buffers.count)"] }
        return buffers.indices.compactMap { index in
            guard results[index].count == buffers[index].initial.count else {
                return "buffer \(index): \(results[index].count) bytes instead of \(buffers[index].initial.count)"
            }
            return buffers[index].mismatch(results[index]).map { "buffer \(index): \($0)" }
        }
    }
}

/// One dispatch of a kernel.
public struct KernelLaunch: Sendable {
    /// The module's file below Kernels/, without its ending: "OpenCL/scan".
    public let module: String
    public let entryPoint: String
    /// Items of a work-group. A module whose group size is specialization constant 0 gets `groupSize.x` for it.
    public let groupSize: Extent
    /// Work-groups of the grid.
    public let groups: Extent
    /// In OpenCL, the kernel's parameters. In GLSL, the storage buffers are bindings 0, 1, ... of set 0 in this order,
    /// and the rest are push constants in this order; `address` is a push constant of 8 bytes.
    public let arguments: [KernelArgument]
}

/// Items or groups in each dimension.
public struct Extent: Sendable, Equatable {
    public let x, y, z: Int

    init(_ x: Int, _ y: Int = 1, _ z: Int = 1) {
        self.x = x
        self.y = y
        self.z = z
    }
}

/// What a kernel gets for one parameter.
public enum KernelArgument: Sendable {
    /// The buffer of this index: a pointer in OpenCL, a storage buffer in GLSL.
    case buffer(Int)
    /// The buffer's address, for GLSL's `buffer_reference`.
    case address(Int)
    /// Local memory of so many bytes.
    case local(bytes: Int)
    case word(UInt32)
    case float(Float)
}
