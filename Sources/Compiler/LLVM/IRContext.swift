internal import CLLVM

/// The home of LLVM's types and constants. Everything made in it ends with it, and one thread at a time uses it.
@safe final class IRContext {
    private let reference: LLVMContextRef

    // SAFETY: in this file the context lives as long as this object, which everything that was made in it outlives
    // nowhere: modules keep it, and values and types are only used beside their module.
    init() { unsafe reference = LLVMContextCreate() }

    deinit { unsafe LLVMContextDispose(reference) }

    func integer(_ width: Int) -> IRType { unsafe IRType(LLVMIntTypeInContext(reference, UInt32(width))) }

    var half: IRType { unsafe IRType(LLVMHalfTypeInContext(reference)) }
    var float: IRType { unsafe IRType(LLVMFloatTypeInContext(reference)) }
    var double: IRType { unsafe IRType(LLVMDoubleTypeInContext(reference)) }
    var void: IRType { unsafe IRType(LLVMVoidTypeInContext(reference)) }
    var pointer: IRType { unsafe IRType(LLVMPointerTypeInContext(reference, 0)) }
    var bool: IRType { integer(1) }

    /// Without padding between members, or with the padding of C.
    func structure(_ members: [IRType], isPacked: Bool = false) -> IRType {
        var references = unsafe members.map { unsafe Optional($0.reference) }
        return unsafe IRType(
            LLVMStructTypeInContext(reference, &references, UInt32(references.count), isPacked ? 1 : 0))
    }

    func function(_ parameters: [IRType], returning result: IRType) -> IRType {
        var references = unsafe parameters.map { unsafe Optional($0.reference) }
        return unsafe IRType(LLVMFunctionType(result.reference, &references, UInt32(references.count), 0))
    }

    func makeModule(_ name: String) -> IRModule {
        unsafe IRModule(LLVMModuleCreateWithNameInContext(name, reference), self)
    }

    /// Reads LLVM's text form.
    ///
    /// - Throws: what LLVM says is wrong with it.
    func parse(_ text: String) throws(IRFailure) -> IRModule {
        var copy = text
        let buffer = copy.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
                unsafe LLVMCreateMemoryBufferWithMemoryRangeCopy(characters.baseAddress, characters.count, "text")
            }
        }
        var module: LLVMModuleRef?
        var message: UnsafeMutablePointer<CChar>?
        let failed = unsafe LLVMParseIRInContext(reference, buffer, &module, &message)
        guard failed == 0, let module = unsafe module else { throw unsafe IRFailure(taking: message) }
        return unsafe IRModule(module, self)
    }

    func makeBuilder() -> IRBuilder { unsafe IRBuilder(LLVMCreateBuilderInContext(reference), self) }

    func makeBlock(_ name: String = "", in function: IRValue) -> IRBlock {
        unsafe IRBlock(LLVMAppendBasicBlockInContext(reference, function.reference, name))
    }

    /// An attribute that is there or not.
    func attribute(_ name: String, _ value: UInt64 = 0) -> IRAttribute {
        let kind = unsafe LLVMGetEnumAttributeKindForName(name, name.utf8.count)
        return unsafe IRAttribute(LLVMCreateEnumAttribute(reference, kind, value))
    }

    /// An attribute of words.
    func attribute(_ name: String, _ value: String) -> IRAttribute {
        unsafe IRAttribute(
            LLVMCreateStringAttribute(
                reference, name, UInt32(name.utf8.count), value, UInt32(value.utf8.count)))
    }

    /// The mark of a load whose memory never changes.
    lazy var invariantLoad = MetadataMark(self, "invariant.load")

    @safe final class MetadataMark {
        private let kind: UInt32
        private let node: LLVMValueRef

        fileprivate init(_ context: IRContext, _ name: String) {
            kind = unsafe LLVMGetMDKindIDInContext(context.reference, name, UInt32(name.utf8.count))
            let empty = unsafe LLVMMDNodeInContext2(context.reference, nil, 0)
            unsafe node = LLVMMetadataAsValue(context.reference, empty)
        }

        func set(on instruction: IRValue) { unsafe LLVMSetMetadata(instruction.reference, kind, node) }

        func isSet(on instruction: IRValue) -> Bool { unsafe LLVMGetMetadata(instruction.reference, kind) != nil }
    }
}

/// What LLVM could not do, in its words.
struct IRFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// Takes over a message that LLVM allocated.
    init(taking message: UnsafeMutablePointer<CChar>?) {
        // SAFETY: the message is LLVM's, ends with a zero, and is given up here.
        description = unsafe message.map { unsafe String(cString: $0) } ?? "failed without a reason"
        unsafe LLVMDisposeMessage(message)
    }
}

@safe struct IRAttribute {
    let reference: LLVMAttributeRef

    init(_ reference: LLVMAttributeRef) { unsafe self.reference = reference }
}
