internal import CLLVM

/// Makes instructions at the end of a block, or before one that is there.
@safe final class IRBuilder {
    private let reference: LLVMBuilderRef
    let context: IRContext

    // SAFETY: in this file the builder lives as long as this object, and what is given to it belongs to its context.
    init(_ reference: LLVMBuilderRef, _ context: IRContext) {
        unsafe self.reference = reference
        self.context = context
    }

    deinit { unsafe LLVMDisposeBuilder(reference) }

    var block: IRBlock { unsafe IRBlock(LLVMGetInsertBlock(reference)) }

    func move(to block: IRBlock) { unsafe LLVMPositionBuilderAtEnd(reference, block.reference) }

    func move(before instruction: IRValue) { unsafe LLVMPositionBuilderBefore(reference, instruction.reference) }

    /// Puts an instruction that is in no block here.
    func insert(_ instruction: IRValue) { unsafe LLVMInsertIntoBuilder(reference, instruction.reference) }

    // MARK: - Arithmetic

    func binary(_ opcode: LLVMOpcode, _ left: IRValue, _ right: IRValue) -> IRValue {
        unsafe IRValue(LLVMBuildBinOp(reference, opcode, left.reference, right.reference, ""))
    }

    func add(_ left: IRValue, _ right: IRValue) -> IRValue { binary(LLVMAdd, left, right) }
    func sub(_ left: IRValue, _ right: IRValue) -> IRValue { binary(LLVMSub, left, right) }
    func mul(_ left: IRValue, _ right: IRValue) -> IRValue { binary(LLVMMul, left, right) }
    func and(_ left: IRValue, _ right: IRValue) -> IRValue { binary(LLVMAnd, left, right) }
    func or(_ left: IRValue, _ right: IRValue) -> IRValue { binary(LLVMOr, left, right) }
    func xor(_ left: IRValue, _ right: IRValue) -> IRValue { binary(LLVMXor, left, right) }
    func not(_ value: IRValue) -> IRValue { xor(value, value.type.allOnes) }

    func negated(_ value: IRValue) -> IRValue { unsafe IRValue(LLVMBuildFNeg(reference, value.reference, "")) }

    func compare(_ predicate: LLVMIntPredicate, _ left: IRValue, _ right: IRValue) -> IRValue {
        unsafe IRValue(LLVMBuildICmp(reference, predicate, left.reference, right.reference, ""))
    }

    func compare(_ predicate: LLVMRealPredicate, _ left: IRValue, _ right: IRValue) -> IRValue {
        unsafe IRValue(LLVMBuildFCmp(reference, predicate, left.reference, right.reference, ""))
    }

    func select(_ condition: IRValue, _ first: IRValue, _ second: IRValue) -> IRValue {
        unsafe IRValue(LLVMBuildSelect(reference, condition.reference, first.reference, second.reference, ""))
    }

    func cast(_ opcode: LLVMOpcode, _ value: IRValue, _ type: IRType) -> IRValue {
        unsafe IRValue(LLVMBuildCast(reference, opcode, value.reference, type.reference, ""))
    }

    func freeze(_ value: IRValue) -> IRValue { unsafe IRValue(LLVMBuildFreeze(reference, value.reference, "")) }

    // MARK: - Parts

    func extract(_ vector: IRValue, _ index: IRValue) -> IRValue {
        unsafe IRValue(LLVMBuildExtractElement(reference, vector.reference, index.reference, ""))
    }

    func extract(_ vector: IRValue, _ index: Int) -> IRValue { extract(vector, context.integer(32).constant(index)) }

    func insert(_ element: IRValue, into vector: IRValue, _ index: IRValue) -> IRValue {
        unsafe IRValue(
            LLVMBuildInsertElement(reference, vector.reference, element.reference, index.reference, ""))
    }

    func insert(_ element: IRValue, into vector: IRValue, _ index: Int) -> IRValue {
        insert(element, into: vector, context.integer(32).constant(index))
    }

    /// Elements of two vectors by number, those of the second after those of the first.
    func shuffle(_ first: IRValue, _ second: IRValue, _ elements: [Int]) -> IRValue {
        let type = context.integer(32)
        let mask = type.vector(elements.count).constant(elements.map { type.constant($0) })
        return unsafe IRValue(
            LLVMBuildShuffleVector(reference, first.reference, second.reference, mask.reference, ""))
    }

    /// A vector with the scalar in every element.
    func splat(_ scalar: IRValue, _ count: Int) -> IRValue {
        if scalar.isConstant, scalar.constantInteger != nil { return scalar.splatConstant(count) }
        let vector = scalar.type.vector(count)
        let first = insert(scalar, into: vector.poison, 0)
        return shuffle(first, vector.poison, Array(repeating: 0, count: count))
    }

    func extractValue(_ aggregate: IRValue, _ index: Int) -> IRValue {
        unsafe IRValue(LLVMBuildExtractValue(reference, aggregate.reference, UInt32(index), ""))
    }

    func insertValue(_ part: IRValue, into aggregate: IRValue, _ index: Int) -> IRValue {
        unsafe IRValue(LLVMBuildInsertValue(reference, aggregate.reference, part.reference, UInt32(index), ""))
    }

    // MARK: - Memory

    func alloca(_ type: IRType, alignment: Int? = nil) -> IRValue {
        let value = unsafe IRValue(LLVMBuildAlloca(reference, type.reference, ""))
        if let alignment { value.alignment = alignment }
        return value
    }

    /// Bytes on the stack, as many as a value says.
    func alloca(bytes: IRValue, alignment: Int) -> IRValue {
        let byte = context.integer(8)
        let value = unsafe IRValue(LLVMBuildArrayAlloca(reference, byte.reference, bytes.reference, ""))
        value.alignment = alignment
        return value
    }

    func load(_ type: IRType, _ pointer: IRValue, alignment: Int? = nil) -> IRValue {
        let value = unsafe IRValue(LLVMBuildLoad2(reference, type.reference, pointer.reference, ""))
        if let alignment { value.alignment = alignment }
        return value
    }

    @discardableResult
    func store(_ value: IRValue, _ pointer: IRValue, alignment: Int? = nil) -> IRValue {
        let store = unsafe IRValue(LLVMBuildStore(reference, value.reference, pointer.reference))
        if let alignment { store.alignment = alignment }
        return store
    }

    func elementPointer(_ type: IRType, _ pointer: IRValue, _ indices: [IRValue], inBounds: Bool = false) -> IRValue {
        var references = unsafe indices.map { unsafe Optional($0.reference) }
        let count = UInt32(indices.count)
        return unsafe inBounds
            ? IRValue(
                LLVMBuildInBoundsGEP2(reference, type.reference, pointer.reference, &references, count, ""))
            : IRValue(LLVMBuildGEP2(reference, type.reference, pointer.reference, &references, count, ""))
    }

    /// The pointer so many bytes further on.
    func advance(_ pointer: IRValue, _ bytes: IRValue) -> IRValue {
        elementPointer(context.integer(8), pointer, [bytes])
    }

    func advance(_ pointer: IRValue, _ bytes: Int) -> IRValue {
        bytes == 0 ? pointer : advance(pointer, context.integer(64).constant(bytes))
    }

    func fence(_ ordering: LLVMAtomicOrdering) {
        _ = unsafe LLVMBuildFence(reference, ordering, 0, "")
    }

    func readModifyWrite(
        _ operation: LLVMAtomicRMWBinOp, _ pointer: IRValue, _ value: IRValue, _ ordering: LLVMAtomicOrdering,
        isSingleThread: Bool
    ) -> IRValue {
        unsafe IRValue(
            LLVMBuildAtomicRMW(
                reference, operation, pointer.reference, value.reference, ordering, isSingleThread ? 1 : 0))
    }

    /// A structure of the old value and whether it was the expected one.
    func compareExchange(
        _ pointer: IRValue, expected: IRValue, new: IRValue, _ success: LLVMAtomicOrdering,
        _ failure: LLVMAtomicOrdering, isSingleThread: Bool
    ) -> IRValue {
        unsafe IRValue(
            LLVMBuildAtomicCmpXchg(
                reference, pointer.reference, expected.reference, new.reference, success, failure,
                isSingleThread ? 1 : 0))
    }

    // MARK: - Control

    func phi(_ type: IRType) -> IRValue { unsafe IRValue(LLVMBuildPhi(reference, type.reference, "")) }

    func branch(_ block: IRBlock) { _ = unsafe LLVMBuildBr(reference, block.reference) }

    func branch(_ condition: IRValue, _ first: IRBlock, _ second: IRBlock) {
        _ = unsafe LLVMBuildCondBr(reference, condition.reference, first.reference, second.reference)
    }

    func `switch`(_ value: IRValue, _ cases: [(IRValue, IRBlock)], default other: IRBlock) {
        let instruction = unsafe LLVMBuildSwitch(reference, value.reference, other.reference, UInt32(cases.count))
        for (value, block) in cases { unsafe LLVMAddCase(instruction, value.reference, block.reference) }
    }

    func returnVoid() { _ = unsafe LLVMBuildRetVoid(reference) }

    func `return`(_ value: IRValue) { _ = unsafe LLVMBuildRet(reference, value.reference) }

    func unreachable() { _ = unsafe LLVMBuildUnreachable(reference) }

    func call(_ function: IRFunction, _ arguments: [IRValue]) -> IRValue {
        var references = unsafe arguments.map { unsafe Optional($0.reference) }
        return unsafe IRValue(
            LLVMBuildCall2(
                reference, function.type.reference, function.value.reference, &references, UInt32(references.count),
                ""))
    }
}

/// A function with its type, which LLVM's pointers do not tell.
struct IRFunction {
    let value: IRValue
    let type: IRType
}
