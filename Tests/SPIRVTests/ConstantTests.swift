import Testing

@testable import SPIRV

@Suite("Values of constants")
struct ConstantTests {
    /// A constant's text, and its bits.
    struct Row: Sendable {
        let text: String
        let value: ConstantValue

        init(_ text: String, _ value: ConstantValue) {
            self.text = text
            self.value = value
        }
    }

    /// The rules that the tests below break.
    static let rules: Set<Rule> = [.constantPart, .constantOperands, .constantsTooLarge]

    static let declarations = """
        OpCapability Kernel
        OpCapability Linkage
        OpMemoryModel Physical64 OpenCL
        OpDecorate %five SpecId 1
        OpDecorate %flag SpecId 2
        OpDecorate %byte SpecId 3
        %bool = OpTypeBool
        %int = OpTypeInt 32 1
        %char = OpTypeInt 8 0
        %long = OpTypeInt 64 0
        %float = OpTypeFloat 32
        %half = OpTypeFloat 16
        %double = OpTypeFloat 64
        %int2 = OpTypeVector %int 2
        %pointer = OpTypePointer CrossWorkgroup %int
        %five = OpSpecConstant %int 5
        %minus = OpConstant %int -7
        %three = OpConstant %int 3
        %least = OpConstant %int 0x80000000
        %none = OpConstantNull %int
        %ones = OpConstant %int -1
        %byte = OpSpecConstant %char 200
        %flag = OpSpecConstantTrue %bool
        %no = OpConstantFalse %bool
        %quarter = OpConstant %float 0.25
        %large = OpConstant %float 3.5
        %pair = OpConstantComposite %int2 %five %minus
        %empty = OpConstantNull %int2
        %variable = OpVariable %pointer CrossWorkgroup
        """

    static let rows = [
        Row("%int IAdd %five %minus", .bits(0xffff_fffe)),
        Row("%int ISub %five %minus", .bits(12)),
        Row("%int IMul %least %least", .bits(0)),
        Row("%int UDiv %minus %three", .bits(0xffff_fff9 / 3)),
        Row("%int SDiv %minus %three", .bits(0xffff_fffe)),
        Row("%int SDiv %minus %none", .undefined),
        Row("%int UMod %five %none", .undefined),
        Row("%int SDiv %least %ones", .bits(0x8000_0000)),
        Row("%int SRem %minus %three", .bits(0xffff_ffff)),
        Row("%int SMod %minus %three", .bits(2)),
        Row("%int SRem %least %ones", .bits(0)),
        Row("%int ShiftRightArithmetic %minus %three", .bits(0xffff_ffff)),
        Row("%int ShiftRightLogical %minus %three", .bits(0x1fff_ffff)),
        Row("%int ShiftLeftLogical %three %minus", .undefined),
        Row("%int Not %five", .bits(0xffff_fffa)),
        Row("%int SNegate %least", .bits(0x8000_0000)),
        Row("%bool SLessThan %minus %five", .bool(true)),
        Row("%bool ULessThan %minus %five", .bool(false)),
        Row("%bool LogicalAnd %flag %no", .bool(false)),
        Row("%bool LogicalNotEqual %flag %no", .bool(true)),
        Row("%int Select %no %five %minus", .bits(0xffff_fff9)),
        Row("%long SConvert %minus", .bits(0xffff_ffff_ffff_fff9)),
        Row("%long UConvert %minus", .bits(0xffff_fff9)),
        Row("%char UConvert %minus", .bits(0xf9)),
        Row("%long SConvert %byte", .bits(0xffff_ffff_ffff_ffc8)),
        Row("%float ConvertSToF %minus", .bits(UInt64(Float(-7).bitPattern))),
        Row("%int ConvertFToS %large", .bits(3)),
        Row("%float FMul %large %quarter", .bits(UInt64(Float(0.875).bitPattern))),
        Row("%half FConvert %large", .bits(0x4300)),
        Row("%double FConvert %large", .bits(Double(3.5).bitPattern)),
        Row("%int Bitcast %large", .bits(UInt64(Float(3.5).bitPattern))),
        Row("%int2 IAdd %pair %pair", .composite([.bits(10), .bits(0xffff_fff2)])),
        Row("%int2 IAdd %pair %empty", .composite([.bits(5), .bits(0xffff_fff9)])),
        Row("%int CompositeExtract %pair 1", .bits(0xffff_fff9)),
        Row("%int CompositeExtract %empty 1", .bits(0)),
        Row("%int2 CompositeInsert %three %pair 0", .composite([.bits(3), .bits(0xffff_fff9)])),
        Row("%int2 VectorShuffle %pair %empty 1 0xffffffff", .composite([.bits(0xffff_fff9), .undefined])),
        Row("%pointer InBoundsPtrAccessChain %variable %three", .address),
        Row("%long ConvertPtrToU %variable", .address),
    ]

    private static func value(
        _ text: String, specialization: [UInt32: UInt64] = [:], limits: Limits = Limits()
    ) throws -> ConstantValue {
        let words = text.split(separator: " ", maxSplits: 1)
        let line = "%value = OpSpecConstantOp \(words[0]) \(words[1])"
        let module = try Module(words: try Assembler.assemble(declarations + "\n" + line), limits: limits)
        let table = try ConstantTable(module, specialization: specialization)
        let last = try #require(module.constants.last)
        return try #require(table[last.id])
    }

    @Test("An operation has the value that its instruction makes", arguments: rows)
    func operations(_ row: Row) throws {
        #expect(try Self.value(row.text) == row.value)
    }

    @Test("A user's values take the place of those in the module, as wide as their types")
    func specialization() throws {
        #expect(try Self.value("%int IAdd %five %three", specialization: [1: 40]) == .bits(43))
        #expect(
            try Self.value("%int2 IAdd %pair %pair", specialization: [1: 1])
                == .composite([.bits(2), .bits(0xffff_fff2)]))
        #expect(try Self.value("%bool LogicalNot %flag", specialization: [2: 0]) == .bool(true))
        #expect(try Self.value("%char UConvert %byte", specialization: [3: 0x1_07]) == .bits(7))
        #expect(try Self.value("%int IAdd %five %three", specialization: [9: 40]) == .bits(8))
    }

    @Test("Operands that the instruction cannot take are refused")
    func operands() {
        for text in [
            "%int IAdd %flag %flag", "%int FAdd %five %three", "%int CompositeExtract %pair 2", "%int Not %int",
        ] {
            let error = #expect(throws: ModuleError.self) { try Self.value(text) }
            #expect(error?.rule == .constantOperands, "\(text)")
        }
    }

    @Test("Parts are constants that were declared before, and few enough in all")
    func composites() throws {
        let later = Self.declarations + "\n%a = OpConstantComposite %int2 %five %b\n%b = OpConstant %int 1"
        let module = try Module(words: try Assembler.assemble(later))
        let error = #expect(throws: ModuleError.self) { try ConstantTable(module) }
        #expect(error?.rule == .constantPart)

        var text = Self.declarations
        text += "\n%t0 = OpTypeStruct %int %int\n%c0 = OpConstantComposite %t0 %five %five"
        for level in 1...60 {
            text += "\n%t\(level) = OpTypeStruct %t\(level - 1) %t\(level - 1)"
            text += "\n%c\(level) = OpConstantComposite %t\(level) %c\(level - 1) %c\(level - 1)"
        }
        let large = try Module(words: try Assembler.assemble(text))
        let other = #expect(throws: ModuleError.self) { try ConstantTable(large) }
        #expect(other?.rule == .constantsTooLarge)
    }

    @Test("The example kernels' constants have values", arguments: ExampleModules.all)
    func examples(_ file: ExampleModules.File) throws {
        let module = try Module(bytes: file.bytes)
        let table = try ConstantTable(module)
        for constant in module.constants { #expect(table[constant.id] != nil) }
    }
}
