internal import CLLVM

/// Functions and global variables that are compiled together.
@safe final class IRModule {
    let reference: LLVMModuleRef
    let context: IRContext
    private var intrinsics: [String: IRFunction] = [:]

    // SAFETY: in this file the module lives as long as this object, which keeps its context.
    init(_ reference: LLVMModuleRef, _ context: IRContext) {
        unsafe self.reference = reference
        self.context = context
    }

    deinit { unsafe LLVMDisposeModule(reference) }

    /// LLVM's text form of it.
    var text: String {
        guard let text = unsafe LLVMPrintModuleToString(reference) else { return "" }
        defer { unsafe LLVMDisposeMessage(text) }
        return unsafe String(cString: text)
    }

    func addFunction(_ name: String, _ type: IRType) -> IRFunction {
        IRFunction(value: unsafe IRValue(LLVMAddFunction(reference, name, type.reference)), type: type)
    }

    func function(_ name: String) -> IRValue? {
        unsafe LLVMGetNamedFunction(reference, name).map { unsafe IRValue($0) }
    }

    var functions: [IRValue] {
        var functions: [IRValue] = []
        var next = unsafe LLVMGetFirstFunction(reference)
        while let function = unsafe next {
            functions.append(unsafe IRValue(function))
            unsafe next = LLVMGetNextFunction(function)
        }
        return functions
    }

    /// A constant of the module's own.
    func addConstant(_ name: String, _ value: IRValue, alignment: Int) -> IRValue {
        let global = unsafe IRValue(LLVMAddGlobal(reference, value.type.reference, name))
        global.setInitializer(value)
        global.setGlobalConstant()
        global.linkage = LLVMInternalLinkage
        global.alignment = alignment
        return global
    }

    /// A function that LLVM knows: "llvm.fma" of float.
    func intrinsic(_ name: String, _ types: [IRType]) -> IRFunction {
        let key = name + types.map { ".\($0.hashValue)" }.joined()
        if let known = intrinsics[key] { return known }
        let number = unsafe LLVMLookupIntrinsicID(name, name.utf8.count)
        precondition(number != 0, "no intrinsic \(name)")
        let function = intrinsic(number, types)
        intrinsics[key] = function
        return function
    }

    func intrinsic(_ number: UInt32, _ types: [IRType]) -> IRFunction {
        var references = unsafe types.map { unsafe Optional($0.reference) }
        let function = unsafe LLVMGetIntrinsicDeclaration(reference, number, &references, references.count)
        return IRFunction(
            value: unsafe IRValue(function!),
            type: unsafe IRType(LLVMGlobalGetValueType(function)))
    }

    /// - Throws: what LLVM finds wrong with the module.
    func verify() throws(IRFailure) {
        var message: UnsafeMutablePointer<CChar>?
        if unsafe LLVMVerifyModule(reference, LLVMReturnStatusAction, &message) != 0 {
            throw unsafe IRFailure(taking: message)
        }
        unsafe LLVMDisposeMessage(message)
    }

    /// Runs passes by their names, as LLVM's `opt` takes them.
    func run(_ passes: String, _ machine: TargetMachine) throws(IRFailure) {
        let options = unsafe LLVMCreatePassBuilderOptions()
        defer { unsafe LLVMDisposePassBuilderOptions(options) }
        if let error = unsafe LLVMRunPasses(reference, passes, machine.reference, options) {
            let message = unsafe LLVMGetErrorMessage(error)
            defer { unsafe LLVMDisposeErrorMessage(message) }
            throw IRFailure(unsafe message.map { unsafe String(cString: $0) } ?? "the passes failed")
        }
    }
}
