/// A SPIR-V module, taken apart: what it declares as values that name one another by ID, and its functions as blocks of
/// instructions whose operands stay in the module's words.
///
/// Reading checks what is needed to take it apart: words, operands, that an ID is defined once, the order of
/// declarations, types, functions and blocks. It does not check that values are of the types that instructions take.
public struct Module: Sendable {
    /// All words, in this machine's byte order.
    public let words: [UInt32]
    /// Of the header.
    public let version: Version
    /// The number of the tool that made it, and that tool's version.
    public let generator: UInt32
    /// One more than the highest possible ID.
    public let bound: UInt32
    /// What bounded the reading, and bounds the validation.
    public let limits: Limits

    /// What it declares that it needs, in order, with the words that say so.
    public internal(set) var declaredCapabilities: [(capability: Capability, wordOffset: Int)] = []
    /// What it declares that it needs and all that this brings with it.
    public internal(set) var capabilities: Set<Capability> = []
    /// Names of extensions.
    public internal(set) var extensions: [String] = []
    /// Sets of instructions, by the ID that OpExtInst names them with.
    public internal(set) var extendedSets: [ID: ExtendedSet] = [:]
    /// What its pointers are.
    public internal(set) var addressingModel = AddressingModel.logical
    /// By which rules its memory is shared.
    public internal(set) var memoryModel = MemoryModel.simple
    /// In order.
    public internal(set) var entryPoints: [EntryPoint] = []
    /// In order.
    public internal(set) var executionModes: [ExecutionModeDeclaration] = []
    /// Names for people, by what they name.
    public internal(set) var names: [ID: String] = [:]
    /// Names for people, by structure and member.
    public internal(set) var memberNames: [MemberKey: String] = [:]
    /// All that was said of IDs and members, with groups taken apart, sorted by target, then member, then place.
    public internal(set) var decorations: [Decoration] = []
    /// In order.
    public internal(set) var constants: [Constant] = []
    /// In order.
    public internal(set) var variables: [GlobalVariable] = []
    /// In order, those without blocks first.
    public internal(set) var functions: [Function] = []
    /// All instructions in order, other than OpNop, OpLine and OpNoLine.
    public internal(set) var instructions: [Instruction] = []

    /// All types in the order of their declarations.
    public internal(set) var types: [(id: ID, type: DataType, wordOffset: Int)] = []
    /// By ID.
    var definitions: [Definition]

    /// What a member of a structure is named by.
    public struct MemberKey: Hashable, Sendable {
        /// The structure.
        public let structure: ID
        /// The member's place among the members.
        public let member: UInt32
    }

    /// What an ID stands for: where its row is.
    struct Definition: Hashable, Sendable {
        enum Kind: UInt8 {
            /// Nothing so far.
            case none
            case type, constant, variable, function, parameter, block
            /// What an instruction of a block makes.
            case value
            /// Strings, sets of instructions, groups of decorations, debug information.
            case other
        }

        var kind = Kind.none
        /// Index into the instructions; -1 for none.
        var instruction: Int32 = -1
        /// Index into the types, constants, variables or functions; of a parameter, block or value: of its function.
        var row: Int32 = -1
        /// Index into the function's parameters or blocks; of a value: into the blocks.
        var part: Int32 = -1
    }

    /// Takes a module apart.
    ///
    /// Words may be in either byte order. Throws a `ModuleError` at the first word that cannot be.
    public init(words: [UInt32], limits: Limits = Limits()) throws(ModuleError) {
        var reader = try ModuleReader(words: words, limits: limits)
        try reader.read()
        self = reader.module
    }

    /// Takes a module apart that came as bytes, which have to be whole words in either byte order.
    public init(bytes: [UInt8], limits: Limits = Limits()) throws(ModuleError) {
        guard bytes.count % 4 == 0 else {
            throw ModuleError(.wholeWords, "\(bytes.count) bytes", at: bytes.count / 4)
        }
        guard bytes.count / 4 <= limits.words else {
            throw ModuleError(.tooManyWords, "\(bytes.count / 4), at most \(limits.words)", at: limits.words)
        }
        try self.init(words: Self.words(of: bytes), limits: limits)
    }

    /// Bytes as words, lowest byte first; bytes that are left over do not count.
    public static func words(of bytes: [UInt8]) -> [UInt32] {
        var words: [UInt32] = []
        words.reserveCapacity(bytes.count / 4)
        for index in stride(from: 0, to: bytes.count - 3, by: 4) {
            let low = UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8
            words.append(low | UInt32(bytes[index + 2]) << 16 | UInt32(bytes[index + 3]) << 24)
        }
        return words
    }

    init(header words: [UInt32], limits: Limits, version: Version) {
        self.words = words
        self.limits = limits
        self.version = version
        generator = words[2]
        bound = words[3]
        definitions = Array(repeating: Definition(), count: Int(bound))
    }
}

/// A set of instructions beside SPIR-V's own.
public enum ExtendedSet: Hashable, Sendable {
    /// OpenCL.std
    case openCL
    /// GLSL.std.450
    case glsl
    /// A set that has no effect on what a module does: NonSemantic.*, OpenCL.DebugInfo.100.
    case nonSemantic
}
