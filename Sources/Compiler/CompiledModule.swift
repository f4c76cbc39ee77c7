/// A code object, and what one needs to know to run its entry points.
public struct CompiledModule: Hashable, Sendable {
    /// An ELF file as docs/softgpu.md, "Code objects", has it.
    public var codeObject: [UInt8]
    /// In the module's order.
    public var entryPoints: [EntryPoint]
    /// The code in the assembler's language, if it was asked for.
    public var assembly: String?
    /// How long it took, from step to step.
    public var timings: Timings

    /// Nanoseconds of the steps, by the monotonic clock.
    public struct Timings: Hashable, Sendable {
        /// Reading and checking the module.
        public var reading: UInt64 = 0
        /// Making LLVM's form of it and optimising that before work-items are put side by side.
        public var translation: UInt64 = 0
        /// Putting work-items side by side and making loops over a work-group.
        public var widening: UInt64 = 0
        /// LLVM's optimisation of the result.
        public var optimisation: UInt64 = 0
        /// LLVM's generation of machine code, and linking.
        public var generation: UInt64 = 0

        public init() {}

        /// All of it.
        public var total: UInt64 { reading + translation + widening + optimisation + generation }
    }
}

/// A kernel or compute shader of a code object.
public struct EntryPoint: Hashable, Sendable {
    /// Which rules the module follows.
    public enum Flavour: Hashable, Sendable {
        /// OpenCL: execution model Kernel, memory model OpenCL.
        case openCL
        /// Vulkan: execution model GLCompute, memory model GLSL450 or Vulkan.
        case vulkan
    }

    /// As the module has it.
    public var name: String
    /// For DISPATCH's `entry`.
    public var address: UInt64
    public var flavour: Flavour
    /// Bytes of the arguments that DISPATCH's `arguments` points to; a multiple of 8.
    public var argumentsSize: Int
    /// By ascending offset.
    public var arguments: [Argument]
    /// The only size of work-groups that it can be run with, if there is only one.
    public var requiredGroupSize: GroupSize?
    /// What DISPATCH's `group_memory` must be at least, without what `localMemory` arguments ask for.
    public var groupMemory: Int
    /// Bytes of a lane's stack that a group takes up for what its items keep while they wait for one another: for the
    /// group, and for so many of its items as run side by side.
    public var groupStack: Int
    /// See `groupStack`.
    public var itemStack: Int
    /// How many items run side by side, in the first dimension.
    public var lanes: Int

    /// The most that a group's items may keep while they wait for one another, in bytes. A group that needs more ends
    /// as a fault.
    public static let maximumStack = 0x6_0000

    /// Bytes of a lane's stack that a group of a size takes up.
    public func stack(of size: GroupSize) -> UInt64 {
        let rows = UInt64(size.y).multipliedReportingOverflow(by: UInt64(size.z))
        let vectors = rows.partialValue.multipliedReportingOverflow(
            by: (UInt64(size.x) + UInt64(lanes) - 1) / UInt64(lanes))
        let bytes = vectors.partialValue.multipliedReportingOverflow(by: UInt64(itemStack))
        return rows.overflow || vectors.overflow || bytes.overflow ? .max : bytes.partialValue + UInt64(groupStack)
    }

    /// Items of a work-group in each dimension.
    public struct GroupSize: Hashable, Sendable {
        /// Items in a dimension.
        public var x, y, z: UInt32

        public init(_ x: UInt32, _ y: UInt32 = 1, _ z: UInt32 = 1) {
            self.x = x
            self.y = y
            self.z = z
        }
    }

    /// One piece of the arguments.
    public struct Argument: Hashable, Sendable {
        /// What it is.
        public enum Kind: Hashable, Sendable {
            /// OpenCL: a GPU virtual address, 8 bytes.
            case pointer
            /// OpenCL: how many bytes of the group's memory the kernel gets for it, 8 bytes.
            case localMemory
            /// OpenCL: a number, vector or structure.
            case value
            /// Vulkan: the block of push constants.
            case pushConstants
            /// Vulkan: storage or uniform buffers, 16 bytes for each of `count`: address and size in bytes.
            case buffer(set: UInt32, binding: UInt32, count: UInt32)
        }

        /// What it is.
        public var kind: Kind
        /// Bytes from the start of the arguments.
        public var offset: Int
        /// Bytes.
        public var size: Int

        public init(_ kind: Kind, offset: Int, size: Int) {
            self.kind = kind
            self.offset = offset
            self.size = size
        }
    }
}
