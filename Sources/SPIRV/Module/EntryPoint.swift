/// A function that can be started from outside.
public struct EntryPoint: Hashable, Sendable {
    /// For which stage it is.
    public let model: ExecutionModel
    /// The function.
    public let function: ID
    /// The name that it is started by.
    public let name: String
    /// The global variables that it uses: before SPIR-V 1.4 inputs and outputs only.
    public let interface: [ID]
    /// Index of the first word of its declaration.
    public let wordOffset: Int
}

/// What was agreed on how an entry point runs.
public struct ExecutionModeDeclaration: Hashable, Sendable {
    /// The function of the entry point.
    public let function: ID
    /// What is agreed.
    public let mode: ExecutionMode
    /// Indices of the words behind the mode.
    public let operands: Range<Int>
    /// Whether the operands are IDs of constants instead of numbers (OpExecutionModeId).
    public let hasIDs: Bool
    /// Index of the first word of its declaration.
    public let wordOffset: Int
}
