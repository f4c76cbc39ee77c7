internal import CLLVM

/// A type of LLVM's. Equal types are the same object in one context.
@safe struct IRType: Hashable {
    let reference: LLVMTypeRef

    // SAFETY: in this file types live as long as their context, and LLVM hands out no null ones here.
    init(_ reference: LLVMTypeRef) { unsafe self.reference = reference }

    static func == (left: IRType, right: IRType) -> Bool { unsafe left.reference == right.reference }

    func hash(into hasher: inout Hasher) { unsafe hasher.combine(reference) }

    var kind: LLVMTypeKind { unsafe LLVMGetTypeKind(reference) }
    var isInteger: Bool { kind == LLVMIntegerTypeKind }
    var isFloat: Bool { [LLVMHalfTypeKind, LLVMFloatTypeKind, LLVMDoubleTypeKind].contains(kind) }
    var isPointer: Bool { kind == LLVMPointerTypeKind }
    var isVector: Bool { kind == LLVMVectorTypeKind }
    var isArray: Bool { kind == LLVMArrayTypeKind }
    var isStructure: Bool { kind == LLVMStructTypeKind }
    var isVoid: Bool { kind == LLVMVoidTypeKind }

    /// Bits of an integer.
    var width: Int { Int(unsafe LLVMGetIntTypeWidth(reference)) }

    /// Bits of a scalar; a pointer's are 64.
    var scalarBits: Int {
        switch kind {
        case LLVMIntegerTypeKind: width
        case LLVMHalfTypeKind: 16
        case LLVMFloatTypeKind: 32
        default: 64
        }
    }

    /// Of a vector or array.
    var element: IRType { unsafe IRType(LLVMGetElementType(reference)) }

    /// Parts of a vector, array or structure.
    var count: Int {
        switch kind {
        case LLVMVectorTypeKind: Int(unsafe LLVMGetVectorSize(reference))
        case LLVMArrayTypeKind: Int(unsafe LLVMGetArrayLength2(reference))
        case LLVMStructTypeKind: Int(unsafe LLVMCountStructElementTypes(reference))
        default: 0
        }
    }

    func member(_ index: Int) -> IRType { unsafe IRType(LLVMStructGetTypeAtIndex(reference, UInt32(index))) }

    /// The types of a vector's, array's or structure's parts.
    var parts: [IRType] {
        switch kind {
        case LLVMVectorTypeKind, LLVMArrayTypeKind: Array(repeating: element, count: count)
        case LLVMStructTypeKind: (0..<count).map(member)
        default: []
        }
    }

    /// The scalars that a value of the type consists of, in order.
    var leaves: [IRType] {
        let parts = parts
        return parts.isEmpty && !isStructure && !isArray ? [self] : parts.flatMap(\.leaves)
    }

    /// Of a vector, its element; otherwise the type itself.
    var scalar: IRType { isVector ? element : self }

    func vector(_ count: Int) -> IRType { unsafe IRType(LLVMVectorType(reference, UInt32(count))) }

    func array(_ count: Int) -> IRType { unsafe IRType(LLVMArrayType2(reference, UInt64(count))) }

    var zero: IRValue { unsafe IRValue(LLVMConstNull(reference)) }
    var poison: IRValue { unsafe IRValue(LLVMGetPoison(reference)) }
    var undefined: IRValue { unsafe IRValue(LLVMGetUndef(reference)) }
    var allOnes: IRValue { unsafe IRValue(LLVMConstAllOnes(reference)) }

    /// An integer's or a float's constant; of a vector type, the same in every element.
    func constant(_ value: Int) -> IRValue {
        if isVector { return element.constant(value).splatConstant(count) }
        if isFloat { return constant(Double(value)) }
        return unsafe IRValue(LLVMConstInt(reference, UInt64(bitPattern: Int64(value)), 1))
    }

    func constant(bits: UInt64) -> IRValue { unsafe IRValue(LLVMConstInt(reference, bits, 0)) }

    func constant(_ value: Double) -> IRValue {
        if isVector { return element.constant(value).splatConstant(count) }
        return unsafe IRValue(LLVMConstReal(reference, value))
    }

    /// A constant array, structure or vector of these parts.
    func constant(_ parts: [IRValue]) -> IRValue {
        var references = unsafe parts.map { unsafe Optional($0.reference) }
        let count = UInt32(parts.count)
        return switch kind {
        case LLVMVectorTypeKind: unsafe IRValue(LLVMConstVector(&references, count))
        case LLVMArrayTypeKind: unsafe IRValue(LLVMConstArray2(element.reference, &references, UInt64(count)))
        default: unsafe IRValue(LLVMConstStructInContext(context, &references, count, isPacked ? 1 : 0))
        }
    }

    private var context: LLVMContextRef { unsafe LLVMGetTypeContext(reference) }
    private var isPacked: Bool { unsafe LLVMIsPackedStruct(reference) != 0 }
}
