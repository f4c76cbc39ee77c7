/// What a module has to be, rule by rule, and why one that breaks it is refused.
public enum Rule: String, CaseIterable, Sendable {
    /// What it means that a rule is broken.
    public enum Kind: String, Sendable {
        /// It is not SPIR-V.
        case malformed
        /// It may be SPIR-V, but of a sort that Understudy does not run.
        case unsupported
        /// It may be SPIR-V, but larger than Understudy takes.
        case limit
    }

    // The words.
    case wholeWords, headerLength, magic, version, bound, schema, wordCount, unknownInstruction, operandCount
    case stringEnd, unknownBits, unknownValue, idZero, idBound, definedTwice
    // Declarations.
    case layout, memoryModelTwice, memoryModelMissing, extendedSet, unknownExtendedInstruction, constantOperation
    case decorationGroup, typeExpected, numberWidth, vectorSize, matrixSize, arrayLength, forwardPointer, constantType
    case variableClass, constantPart, constantOperands
    // Functions.
    case functionType, functionParameters, functionOrder, functionEnd, outsideOfBlock, blockEnd, phiPlace
    case variablePlace, mergePlace, branchTarget, switchSelector
    // What Understudy does not run.
    case unsupportedInstruction, unsupportedSet
    // Limits.
    case tooManyWords, boundTooHigh, tooManyDecorations, tooManyMembers, tooManyParameters, tooManyVariables
    case constantsTooLarge

    /// What it means that it is broken.
    public var kind: Kind {
        switch self {
        case .unsupportedInstruction, .unsupportedSet: .unsupported
        case .tooManyWords, .boundTooHigh, .tooManyDecorations, .tooManyMembers, .tooManyParameters, .tooManyVariables,
            .constantsTooLarge:
            .limit
        default: .malformed
        }
    }

    /// What is wrong with a module that breaks it.
    public var text: String {
        switch self {
        case .wholeWords: "the bytes are no whole words"
        case .headerLength: "the header is cut off"
        case .magic: "the first word is not SPIR-V's"
        case .version: "the version is not known"
        case .bound: "the bound leaves no IDs"
        case .schema: "the header's last word is not 0"
        case .wordCount: "an instruction's word count does not fit"
        case .unknownInstruction: "there is no instruction of this number"
        case .operandCount: "an instruction has not the words that its operands need"
        case .stringEnd: "text does not end"
        case .unknownBits: "a mask has bits without meaning"
        case .unknownValue: "an operand has a value without meaning"
        case .idZero: "an ID is 0"
        case .idBound: "an ID is not below the bound"
        case .definedTwice: "an ID is defined twice"
        case .layout: "an instruction is out of order"
        case .memoryModelTwice: "there is more than one memory model"
        case .memoryModelMissing: "there is no memory model"
        case .extendedSet: "an ID is no set of instructions"
        case .unknownExtendedInstruction: "the set has no instruction of this number"
        case .constantOperation: "no constant can be made by this instruction"
        case .decorationGroup: "an ID is no group of decorations that can be used here"
        case .typeExpected: "an ID is no type that was declared before"
        case .numberWidth: "numbers cannot be so wide"
        case .vectorSize: "vectors have 2, 3, 4, 8 or 16 elements"
        case .matrixSize: "matrices have 2, 3 or 4 columns"
        case .arrayLength: "an array's length is not right"
        case .forwardPointer: "a pointer type is not as announced"
        case .constantType: "a constant is not of its type"
        case .variableClass: "a variable cannot lie in this storage class"
        case .constantPart: "a part of a constant is no constant that was declared before"
        case .constantOperands: "a constant cannot be made of these operands"
        case .functionType: "a function is not of its type"
        case .functionParameters: "a function's parameters are not its type's"
        case .functionOrder: "a function without blocks stands behind one with blocks"
        case .functionEnd: "the last function does not end"
        case .outsideOfBlock: "an instruction stands in a function and in no block"
        case .blockEnd: "a block does not end"
        case .phiPlace: "OpPhi stands behind other instructions or in a function's first block"
        case .variablePlace: "OpVariable does not stand at the start of a function's first block"
        case .mergePlace: "what ends a block has to follow on its merge instruction"
        case .branchTarget: "control cannot go on there"
        case .switchSelector: "a switch's selector is no integer that was defined before"
        case .unsupportedInstruction: "the instruction is none that compute kernels have"
        case .unsupportedSet: "the set of instructions is not known"
        case .tooManyWords: "the module has too many words"
        case .boundTooHigh: "the bound is too high"
        case .tooManyDecorations: "there are too many decorations"
        case .tooManyMembers: "a structure has too many members"
        case .tooManyParameters: "a function has too many parameters"
        case .tooManyVariables: "a function has too many variables"
        case .constantsTooLarge: "the values of the constants are too large"
        }
    }
}
