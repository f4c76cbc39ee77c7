/// A function; one without blocks is declared only, and another module's.
public struct Function: Sendable {
    /// A value that its callers give.
    public struct Parameter: Hashable, Sendable {
        /// Its ID.
        public let id: ID
        /// The ID of its type.
        public let type: ID
    }

    /// Its ID.
    public let id: ID
    /// The ID of its type: a `DataType.function`.
    public let type: ID
    /// The ID of the type that it returns.
    public let resultType: ID
    /// Hints for compilers.
    public let control: FunctionControl
    /// In order.
    public internal(set) var parameters: [Parameter] = []
    /// In the module's order; the first is where it begins.
    public internal(set) var blocks: [Block] = []
    /// Index of the first word of its declaration.
    public let wordOffset: Int

    /// Whether its blocks are in another module.
    public var isDeclaration: Bool { blocks.isEmpty }
}

/// A sequence of instructions that run from the first to the last.
public struct Block: Sendable {
    /// Its ID.
    public let label: ID
    /// Indices into the module's instructions: those that choose a value by the block that control came from (OpPhi).
    public internal(set) var phis: Range<Int>
    /// Indices into the module's instructions: all between the phis and what ends the block, variables included.
    public internal(set) var body: Range<Int>
    /// Where control meets again, if the block says so.
    public internal(set) var merge: Merge?
    /// What ends the block.
    public internal(set) var terminator = Terminator.unreachable
    /// Index into the module's instructions of what ends the block.
    public internal(set) var terminatorIndex: Int
    /// Where control may go on, as indices into the function's blocks, in the order of the terminator's operands and
    /// each only once.
    public internal(set) var successors: [Int] = []
    /// Index of the first word of its label.
    public let wordOffset: Int
}

/// Where the control flow that a block parts meets again.
public enum Merge: Hashable, Sendable {
    case selection(merge: ID, control: SelectionControl)
    case loop(merge: ID, continueTarget: ID, control: LoopControl)

    /// The block where control meets again.
    public var target: ID {
        switch self {
        case .selection(let merge, _): merge
        case .loop(let merge, _, _): merge
        }
    }
}

/// What ends a block.
public enum Terminator: Hashable, Sendable {
    /// A value of a switch and where it leads.
    public struct Case: Hashable, Sendable {
        /// The value's bits, those above the selector's width zero.
        public let value: UInt64
        /// The block's label.
        public let target: ID
    }

    case branch(ID)
    case conditionalBranch(condition: ID, ifTrue: ID, ifFalse: ID)
    case `switch`(selector: ID, default: ID, cases: [Case])
    case `return`
    case returnValue(ID)
    case unreachable
    /// The end of a fragment shader's item (OpKill); compute has no use for it.
    case kill
}
