internal import CLLVM

/// The processor that code is made for.
@safe final class TargetMachine {
    let reference: LLVMTargetMachineRef
    private let layout: LLVMTargetDataRef
    let triple: String
    let processor: String
    let features: String

    /// What LLVM knows of this machine, read once.
    private static let host: (triple: String, processor: String, features: String) = {
        // SAFETY: LLVM's registries are filled once, and its messages are copied and given back.
        LLVMInitializeHost()
        func take(_ message: UnsafeMutablePointer<CChar>?) -> String {
            defer { unsafe LLVMDisposeMessage(message) }
            return unsafe message.map { unsafe String(cString: $0) } ?? ""
        }
        return (
            unsafe take(LLVMGetDefaultTargetTriple()), unsafe take(LLVMGetHostCPUName()),
            unsafe take(LLVMGetHostCPUFeatures())
        )
    }()

    /// Code for this machine's processor with all that it can do.
    init() throws(IRFailure) {
        let host = TargetMachine.host
        triple = host.triple
        processor = host.processor
        features = host.features
        var target: LLVMTargetRef?
        var message: UnsafeMutablePointer<CChar>?
        // SAFETY: the target is one of LLVM's static ones; the machine lives as long as this object.
        guard unsafe LLVMGetTargetFromTriple(triple, &target, &message) == 0 else {
            throw unsafe IRFailure(taking: message)
        }
        let machine = unsafe LLVMCreateTargetMachine(
            target, triple, processor, features, LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelSmall)
        guard let machine = unsafe machine else { throw IRFailure("no machine for \(triple)") }
        unsafe reference = machine
        unsafe layout = LLVMCreateTargetDataLayout(machine)
    }

    deinit {
        unsafe LLVMDisposeTargetData(layout)
        unsafe LLVMDisposeTargetMachine(reference)
    }

    /// Widest vector register of the processor, in bits.
    var vectorBits: Int {
        let enabled = Set(features.split(separator: ",").filter { $0.hasPrefix("+") }.map { $0.dropFirst() })
        if triple.hasPrefix("x86_64") {
            return enabled.contains("avx512f") ? 512 : enabled.contains("avx2") ? 256 : 128
        }
        return 128
    }

    /// Whether a multiplication and an addition are one instruction with one rounding.
    var hasFusedMultiplyAdd: Bool {
        !triple.hasPrefix("x86_64") || features.split(separator: ",").contains("+fma")
    }

    /// Tells a module what it is for.
    func prepare(_ module: IRModule) {
        unsafe LLVMSetTarget(module.reference, triple)
        unsafe LLVMSetModuleDataLayout(module.reference, layout)
    }

    /// Bytes from one value of a type to the next in memory.
    func size(_ type: IRType) -> Int { Int(unsafe LLVMABISizeOfType(layout, type.reference)) }

    /// Bytes that a value's address is a multiple of.
    func alignment(_ type: IRType) -> Int { Int(unsafe LLVMABIAlignmentOfType(layout, type.reference)) }

    /// Bytes from a structure's start to one of its members.
    func offset(_ type: IRType, _ member: Int) -> Int {
        Int(unsafe LLVMOffsetOfElement(layout, type.reference, UInt32(member)))
    }

    /// The scalars of a type, and where in memory they are from its start.
    func leaves(_ type: IRType) -> [(type: IRType, offset: Int)] {
        if type.isStructure {
            return (0..<type.count).flatMap { member in
                leaves(type.member(member)).map { ($0.type, $0.offset + offset(type, member)) }
            }
        }
        guard type.isVector || type.isArray else { return [(type, 0)] }
        let step = size(type.element)
        return (0..<type.count).flatMap { index in leaves(type.element).map { ($0.type, $0.offset + index * step) } }
    }

    enum Output {
        case object
        case assembly
    }

    /// Compiles a module. LLVM changes it on the way.
    func emit(_ module: IRModule, _ output: Output) throws(IRFailure) -> [UInt8] {
        var buffer: LLVMMemoryBufferRef?
        var message: UnsafeMutablePointer<CChar>?
        let failed = unsafe LLVMTargetMachineEmitToMemoryBuffer(
            reference, module.reference, output == .object ? LLVMObjectFile : LLVMAssemblyFile, &message, &buffer)
        guard failed == 0, let buffer = unsafe buffer else { throw unsafe IRFailure(taking: message) }
        defer { unsafe LLVMDisposeMemoryBuffer(buffer) }
        let bytes = unsafe UnsafeRawBufferPointer(
            start: LLVMGetBufferStart(buffer), count: LLVMGetBufferSize(buffer))
        return unsafe [UInt8](bytes)
    }
}
