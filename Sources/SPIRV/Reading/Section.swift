/// The parts of a module in the order that they have to stand in.
enum Section: Int, Comparable {
    case capabilities, extensions, imports, memoryModel, entryPoints, executionModes
    case sources, names, processes, annotations, declarations, functions

    static func < (left: Section, right: Section) -> Bool { left.rawValue < right.rawValue }

    /// The part in which an instruction stands; nothing of those that stand in functions, or in functions too.
    init?(_ opcode: Opcode) {
        switch opcode {
        case .capability: self = .capabilities
        case .extension: self = .extensions
        case .extInstImport: self = .imports
        case .memoryModel: self = .memoryModel
        case .entryPoint: self = .entryPoints
        case .executionMode, .executionModeId: self = .executionModes
        case .string, .source, .sourceExtension, .sourceContinued: self = .sources
        case .name, .memberName: self = .names
        case .moduleProcessed: self = .processes
        case .decorate, .memberDecorate, .decorationGroup, .groupDecorate, .groupMemberDecorate, .decorateId,
            .decorateString, .memberDecorateString:
            self = .annotations
        case .typeVoid, .typeBool, .typeInt, .typeFloat, .typeVector, .typeMatrix, .typeImage, .typeSampler,
            .typeSampledImage, .typeArray, .typeRuntimeArray, .typeStruct, .typeOpaque, .typePointer, .typeFunction,
            .typeEvent, .typeForwardPointer, .constantTrue, .constantFalse, .constant, .constantComposite,
            .constantNull, .specConstantTrue, .specConstantFalse, .specConstant, .specConstantComposite,
            .specConstantOp:
            self = .declarations
        default: return nil
        }
    }
}
