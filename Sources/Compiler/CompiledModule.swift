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
    /// Bytes of a lane's stack that the work-items of a group take up together, as two numbers: bytes of the group,
    /// and of each item. A group that needs more than `maximumGroupStack` ends as a fault.
    public var groupStack: Int
    public var itemStack: Int

    /// See `groupStack`.
    public static let maximumGroupStack = 0x6_0000

    public struct GroupSize: Hashable, Sendable {
        public var x, y, z: UInt32

        public init(_ x: UInt32, _ y: UInt32 = 1, _ z: UInt32 = 1) {
            self.x = x
            self.y = y
            self.z = z
        }
    }

    /// One piece of the arguments.
    public struct Argument: Hashable, Sendable {
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
