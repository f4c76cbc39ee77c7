/// How a module is compiled.
public struct CompilerOptions: Hashable, Sendable {
    /// How many work-items run side by side in the elements of vector registers.
    public enum Lanes: Hashable, Sendable {
        /// As many as fit the processor's vectors of 32-bit numbers.
        case automatic
        /// One work-item after the other.
        case scalar
        /// 4, 8 or 16.
        case count(Int)
    }

    public var lanes: Lanes
    /// Whether the result has the code in the assembler's language as well.
    public var wantsAssembly: Bool
    /// Bits of specialization constants, by their number (SpecId); those that are missing keep the module's values.
    public var specialization: [UInt32: UInt64]

    public init(
        lanes: Lanes = .automatic, wantsAssembly: Bool = false, specialization: [UInt32: UInt64] = [:]
    ) {
        self.lanes = lanes
        self.wantsAssembly = wantsAssembly
        self.specialization = specialization
    }
}
