internal import CLLVM

/// A value of LLVM's: a constant, a parameter, a function, or an instruction with its result.
@safe struct IRValue: Hashable {
    let reference: LLVMValueRef

    // SAFETY: in this file values live as long as their module; those that are erased are not used again.
    init(_ reference: LLVMValueRef) { unsafe self.reference = reference }

    static func == (left: IRValue, right: IRValue) -> Bool { unsafe left.reference == right.reference }

    func hash(into hasher: inout Hasher) { unsafe hasher.combine(reference) }

    var type: IRType { unsafe IRType(LLVMTypeOf(reference)) }

    var name: String {
        get {
            var length = 0
            guard let start = unsafe LLVMGetValueName2(reference, &length) else { return "" }
            return unsafe String(
                decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
        }
        nonmutating set { unsafe LLVMSetValueName2(reference, newValue, newValue.utf8.count) }
    }

    /// LLVM's text form of it.
    var text: String {
        guard let text = unsafe LLVMPrintValueToString(reference) else { return "" }
        defer { unsafe LLVMDisposeMessage(text) }
        return unsafe String(cString: text)
    }

    // MARK: - Constants

    var isConstant: Bool { unsafe LLVMIsConstant(reference) != 0 }
    var isNull: Bool { unsafe LLVMIsNull(reference) != 0 }
    var isUndefined: Bool { unsafe LLVMIsUndef(reference) != 0 }
    var isConstantExpression: Bool { unsafe LLVMGetValueKind(reference) == LLVMConstantExprValueKind }
    var isFunction: Bool { unsafe LLVMGetValueKind(reference) == LLVMFunctionValueKind }
    var isParameter: Bool { unsafe LLVMGetValueKind(reference) == LLVMArgumentValueKind }
    var isInstruction: Bool { unsafe LLVMGetValueKind(reference) == LLVMInstructionValueKind }

    /// The number, if it is a constant integer of at most 64 bits.
    var constantInteger: Int64? {
        guard unsafe LLVMGetValueKind(reference) == LLVMConstantIntValueKind, type.width <= 64 else { return nil }
        return unsafe LLVMConstIntGetSExtValue(reference)
    }

    /// A constant vector with this scalar constant in every element.
    func splatConstant(_ count: Int) -> IRValue {
        var references = unsafe [LLVMValueRef?](repeating: reference, count: count)
        return unsafe IRValue(LLVMConstVector(&references, UInt32(count)))
    }

    /// Part of a constant vector, array or structure.
    func constantPart(_ index: Int) -> IRValue? {
        unsafe LLVMGetAggregateElement(reference, UInt32(index)).map { unsafe IRValue($0) }
    }

    // MARK: - Operands and users

    var operandCount: Int { Int(unsafe LLVMGetNumOperands(reference)) }

    func operand(_ index: Int) -> IRValue { unsafe IRValue(LLVMGetOperand(reference, UInt32(index))) }

    var operands: [IRValue] { (0..<operandCount).map(operand) }

    func setOperand(_ index: Int, _ value: IRValue) {
        unsafe LLVMSetOperand(reference, UInt32(index), value.reference)
    }

    /// Instructions that use it, one for each use.
    var users: [IRValue] {
        var users: [IRValue] = []
        var next = unsafe LLVMGetFirstUse(reference)
        while let use = unsafe next {
            users.append(unsafe IRValue(LLVMGetUser(use)))
            unsafe next = LLVMGetNextUse(use)
        }
        return users
    }

    var isUsed: Bool { unsafe LLVMGetFirstUse(reference) != nil }

    func replaceAllUses(with other: IRValue) { unsafe LLVMReplaceAllUsesWith(reference, other.reference) }

    // MARK: - Instructions

    var opcode: LLVMOpcode { unsafe LLVMGetInstructionOpcode(reference) }
    var block: IRBlock { unsafe IRBlock(LLVMGetInstructionParent(reference)) }

    var next: IRValue? { unsafe LLVMGetNextInstruction(reference).map { unsafe IRValue($0) } }

    func erase() { unsafe LLVMInstructionEraseFromParent(reference) }

    /// A copy that is in no block yet.
    func clone() -> IRValue { unsafe IRValue(LLVMInstructionClone(reference)) }

    var successors: [IRBlock] {
        unsafe (0..<LLVMGetNumSuccessors(reference)).map { unsafe IRBlock(LLVMGetSuccessor(reference, $0)) }
    }

    var isConditional: Bool { opcode == LLVMBr && operandCount == 3 }
    var condition: IRValue { unsafe IRValue(LLVMGetCondition(reference)) }

    /// What a phi chooses from.
    var incoming: [(value: IRValue, block: IRBlock)] {
        unsafe (0..<LLVMCountIncoming(reference)).map { index in
            (
                unsafe IRValue(LLVMGetIncomingValue(reference, index)),
                unsafe IRBlock(LLVMGetIncomingBlock(reference, index))
            )
        }
    }

    func addIncoming(_ value: IRValue, from block: IRBlock) {
        var values: [LLVMValueRef?] = unsafe [value.reference]
        var blocks: [LLVMBasicBlockRef?] = unsafe [block.reference]
        unsafe LLVMAddIncoming(reference, &values, &blocks, 1)
    }

    var integerPredicate: LLVMIntPredicate { unsafe LLVMGetICmpPredicate(reference) }
    var floatPredicate: LLVMRealPredicate { unsafe LLVMGetFCmpPredicate(reference) }
    var allocatedType: IRType { unsafe IRType(LLVMGetAllocatedType(reference)) }
    var sourceElementType: IRType { unsafe IRType(LLVMGetGEPSourceElementType(reference)) }
    var isInBounds: Bool { unsafe LLVMIsInBounds(reference) != 0 }

    /// Indices of extractvalue and insertvalue.
    var indices: [Int] {
        let count = Int(unsafe LLVMGetNumIndices(reference))
        guard count > 0, let start = unsafe LLVMGetIndices(reference) else { return [] }
        return (0..<count).map { Int(unsafe start[$0]) }
    }

    /// The elements that a shufflevector takes; nil for those that may be anything.
    var shuffleMask: [Int?] {
        let undefined = LLVMGetUndefMaskElem()
        return unsafe (0..<LLVMGetNumMaskElements(reference)).map { index in
            let element = unsafe LLVMGetMaskValue(reference, index)
            return element == undefined ? nil : Int(element)
        }
    }

    /// Of a load, store, alloca, global variable or function.
    var alignment: Int {
        get { Int(unsafe LLVMGetAlignment(reference)) }
        nonmutating set { unsafe LLVMSetAlignment(reference, UInt32(newValue)) }
    }

    var isVolatile: Bool {
        get { unsafe LLVMGetVolatile(reference) != 0 }
        nonmutating set { unsafe LLVMSetVolatile(reference, newValue ? 1 : 0) }
    }

    var ordering: LLVMAtomicOrdering {
        get { unsafe LLVMGetOrdering(reference) }
        nonmutating set { unsafe LLVMSetOrdering(reference, newValue) }
    }

    var readModifyWrite: LLVMAtomicRMWBinOp { unsafe LLVMGetAtomicRMWBinOp(reference) }
    var isSingleThread: Bool { unsafe LLVMIsAtomicSingleThread(reference) != 0 }
    var successOrdering: LLVMAtomicOrdering { unsafe LLVMGetCmpXchgSuccessOrdering(reference) }
    var failureOrdering: LLVMAtomicOrdering { unsafe LLVMGetCmpXchgFailureOrdering(reference) }

    /// Whether LLVM may join a float operation with others.
    var allowsContraction: Bool {
        unsafe LLVMCanValueUseFastMathFlags(reference) != 0
            && LLVMGetFastMathFlags(reference) & UInt32(LLVMFastMathAllowContract) != 0
    }

    /// Takes over what another instruction of the same kind promises: no overflow, exactness, float rules.
    func copyFlags(from other: IRValue) {
        if unsafe LLVMCanValueUseFastMathFlags(other.reference) != 0,
            unsafe LLVMCanValueUseFastMathFlags(reference) != 0
        {
            unsafe LLVMSetFastMathFlags(reference, LLVMGetFastMathFlags(other.reference))
        }
        guard isInstruction, opcode == other.opcode else { return }
        switch opcode {
        case LLVMAdd, LLVMSub, LLVMMul, LLVMShl:
            unsafe LLVMSetNUW(reference, LLVMGetNUW(other.reference))
            unsafe LLVMSetNSW(reference, LLVMGetNSW(other.reference))
        case LLVMUDiv, LLVMSDiv, LLVMLShr, LLVMAShr:
            unsafe LLVMSetExact(reference, LLVMGetExact(other.reference))
        case LLVMZExt: unsafe LLVMSetNNeg(reference, LLVMGetNNeg(other.reference))
        case LLVMOr: unsafe LLVMSetIsDisjoint(reference, LLVMGetIsDisjoint(other.reference))
        default: break
        }
    }

    /// Whether an or is an addition as well, since no bit is set on both sides.
    var isDisjoint: Bool { unsafe LLVMGetIsDisjoint(reference) != 0 }

    /// Takes back all promises, for operands that may be outside of what they were made for.
    func dropFlags() {
        guard isInstruction else { return }
        switch opcode {
        case LLVMAdd, LLVMSub, LLVMMul, LLVMShl:
            unsafe LLVMSetNUW(reference, 0)
            unsafe LLVMSetNSW(reference, 0)
        case LLVMUDiv, LLVMSDiv, LLVMLShr, LLVMAShr: unsafe LLVMSetExact(reference, 0)
        case LLVMZExt: unsafe LLVMSetNNeg(reference, 0)
        case LLVMOr: unsafe LLVMSetIsDisjoint(reference, 0)
        case LLVMGetElementPtr: unsafe LLVMSetIsInBounds(reference, 0)
        default: break
        }
    }

    func allowContraction() { unsafe LLVMSetFastMathFlags(reference, UInt32(LLVMFastMathAllowContract)) }

    // MARK: - Calls

    /// The function that a call calls.
    var callee: IRValue { unsafe IRValue(LLVMGetCalledValue(reference)) }
    var argumentCount: Int { Int(unsafe LLVMGetNumArgOperands(reference)) }
    var calledType: IRType { unsafe IRType(LLVMGetCalledFunctionType(reference)) }

    /// The number of the intrinsic that a function is; 0 for others.
    var intrinsicID: UInt32 { unsafe isFunction ? LLVMGetIntrinsicID(reference) : 0 }

    // MARK: - Functions and global variables

    var parameters: [IRValue] {
        unsafe (0..<LLVMCountParams(reference)).map { unsafe IRValue(LLVMGetParam(reference, $0)) }
    }

    var blocks: [IRBlock] {
        var blocks: [IRBlock] = []
        var next = unsafe LLVMGetFirstBasicBlock(reference)
        while let block = unsafe next {
            blocks.append(unsafe IRBlock(block))
            unsafe next = LLVMGetNextBasicBlock(block)
        }
        return blocks
    }

    var isDeclaration: Bool { unsafe LLVMIsDeclaration(reference) != 0 }

    var linkage: LLVMLinkage {
        get { unsafe LLVMGetLinkage(reference) }
        nonmutating set { unsafe LLVMSetLinkage(reference, newValue) }
    }

    func hide() { unsafe LLVMSetVisibility(reference, LLVMHiddenVisibility) }

    /// For a function.
    func add(_ attribute: IRAttribute) { add(attribute, at: -1) }

    func add(_ attribute: IRAttribute, toParameter index: Int) { add(attribute, at: index + 1) }

    private func add(_ attribute: IRAttribute, at index: Int) {
        unsafe LLVMAddAttributeAtIndex(reference, UInt32(truncatingIfNeeded: index), attribute.reference)
    }

    func eraseFunction() { unsafe LLVMDeleteFunction(reference) }

    func setInitializer(_ value: IRValue) { unsafe LLVMSetInitializer(reference, value.reference) }

    func setGlobalConstant() { unsafe LLVMSetGlobalConstant(reference, 1) }
}

/// A block of LLVM's.
@safe struct IRBlock: Hashable {
    let reference: LLVMBasicBlockRef

    init(_ reference: LLVMBasicBlockRef) { unsafe self.reference = reference }

    static func == (left: IRBlock, right: IRBlock) -> Bool { unsafe left.reference == right.reference }

    func hash(into hasher: inout Hasher) { unsafe hasher.combine(reference) }

    var name: String { unsafe String(cString: LLVMGetBasicBlockName(reference)) }
    var function: IRValue { unsafe IRValue(LLVMGetBasicBlockParent(reference)) }
    var terminator: IRValue? { unsafe LLVMGetBasicBlockTerminator(reference).map { unsafe IRValue($0) } }

    var instructions: [IRValue] {
        var instructions: [IRValue] = []
        var next = unsafe LLVMGetFirstInstruction(reference)
        while let instruction = unsafe next {
            instructions.append(unsafe IRValue(instruction))
            unsafe next = LLVMGetNextInstruction(instruction)
        }
        return instructions
    }

    func move(after other: IRBlock) { unsafe LLVMMoveBasicBlockAfter(reference, other.reference) }
}
