@testable import SPIRV

/// Modules that cannot be read, and why.
enum ReadingRules {
    static let words: [RuleCase] = [
        RuleCase(.headerLength, "four words", at: 4) { $0.removeLast($0.count - 4) },
        RuleCase(.headerLength, "nothing", at: 0) { $0 = [] },
        RuleCase(.magic, "another first word", at: 0) { $0[0] = 0x0723_0204 },
        RuleCase(.version, "2.0", at: 1) { $0[1] = 0x2_0000 },
        RuleCase(.version, "1.7", at: 1) { $0[1] = 0x1_0700 },
        RuleCase(.version, "low byte", at: 1) { $0[1] = 0x1_0001 },
        RuleCase(.bound, "0", at: 3) { $0[3] = 0 },
        RuleCase(.schema, "1", at: 4) { $0[4] = 1 },
        RuleCase(.wordCount, "0", at: 5) { $0[5] &= 0xFFFF },
        RuleCase(.wordCount, "beyond the end", at: 5) { $0[5] = 0xFFFF_0011 },
        RuleCase(.unknownInstruction, "9999", at: 5) { $0[5] = 0x2_0000 | 9999 },
        RuleCase(.idBound, "bound too low", at: nil) { $0[3] = 10 },
        RuleCase(.tooManyWords, "64 words", at: 64, limits: limits { $0.words = 64 }) { _ in },
        RuleCase(.boundTooHigh, "32", at: 3, limits: limits { $0.bound = 32 }) { _ in },
        RuleCase(.stringEnd, "to the end of its instruction", at: nil) { words in
            words.replaceSubrange(5..<5, with: [0x3_0000 | 10, 0x6161_6161, 0x6161_6161])
        },
    ]

    static let operands: [RuleCase] = [
        RuleCase(.operandCount, "%true = OpConstantTrue %bool", is: "%true = OpConstantTrue %bool 1"),
        RuleCase(.operandCount, "%uint = OpTypeInt 32 0", is: "%uint = OpTypeInt 32"),
        RuleCase(.operandCount, "%place = OpLoad %ulong3 %id Aligned 32", is: "%place = OpLoad %ulong3 %id Aligned"),
        RuleCase(.operandCount, "%root = OpExtInst %float %set sqrt %half", is: "%root = OpExtInst %float %set sqrt"),
        RuleCase(
            .operandCount, "%root = OpExtInst %float %set sqrt %half",
            is: "%root = OpExtInst %float %set sqrt %half %half"),
        RuleCase(.operandCount, "%big = OpConstant %ulong 1 0", is: "%big = OpConstant %ulong 1"),
        RuleCase(.operandCount, "%one = OpConstant %uint 1", is: "%one = OpConstant %uint 1 0"),
        RuleCase(
            .operandCount, "%last = OpPhi %uint %small %entry %new %then",
            is: "%last = OpPhi %uint %small %entry %new"),
        RuleCase(.unknownBits, "OpStore %cell %half", is: "OpStore %cell %half 0x100", at: ""),
        RuleCase(.unknownValue, "OpCapability Kernel", is: "OpCapability 4000", at: ""),
        RuleCase(
            .unknownValue, "%input = OpTypePointer Input %ulong3", is: "%input = OpTypePointer 77 %ulong3", at: ""),
        RuleCase(.unknownValue, "OpDecorate %id BuiltIn GlobalInvocationId", is: "OpDecorate %id 999 28", at: ""),
        RuleCase(.idZero, "OpReturnValue %total", is: "OpReturnValue %0", at: ""),
        RuleCase(.idZero, "%true = OpConstantTrue %bool", is: "%0 = OpConstantTrue %bool", at: ""),
        RuleCase(.idBound, "OpReturnValue %total", is: "OpReturnValue !4000", at: ""),
        RuleCase(
            .definedTwice, "%four = OpConstant %uint 4", is: "%one = OpConstant %uint 4\n%four = OpConstant %uint 4"),
        RuleCase(.definedTwice, "%right = OpFunctionParameter %uint", is: "%left = OpFunctionParameter %uint", at: ""),
        RuleCase(
            .unknownExtendedInstruction, "%root = OpExtInst %float %set sqrt %half",
            is: "%root = OpExtInst %float %set 900 %half", at: ""),
        RuleCase(
            .extendedSet, "%root = OpExtInst %float %set sqrt %half", is: "%root = OpExtInst %float %one sqrt %half",
            at: ""),
        RuleCase(
            .unsupportedSet, #"%set = OpExtInstImport "OpenCL.std""#, is: #"%set = OpExtInstImport "Other.std""#),
        RuleCase(
            .unsupportedInstruction, "%half = OpConstant %float 0.5",
            is: "%half = OpConstant %float 0.5\n%s = OpConstantSampler %float 0 0 0",
            at: "%s = OpConstantSampler %float 0 0 0"),
        RuleCase(.unsupportedInstruction, "OpStore %cell %half", is: "%q = OpImageSampleImplicitLod %float %x %x"),
        RuleCase(
            .constantOperation, in: SoundModule.shader, "%twice = OpSpecConstantOp %uint IMul %count %two",
            is: "%twice = OpSpecConstantOp %uint ControlBarrier %count %two", at: ""),
    ]

    static let declarations: [RuleCase] = [
        RuleCase(
            .layout, "OpCapability Int8", is: "OpMemoryModel Physical64 OpenCL\nOpCapability Int8",
            at: "OpCapability Int8"),
        RuleCase(
            .layout, "%uint = OpTypeInt 32 0", is: "%uint = OpTypeInt 32 0\nOpName %uint \"uint\"",
            at: "OpName %uint \"uint\""),
        RuleCase(.layout, "OpStore %cell %half", is: "%other = OpTypeInt 32 1"),
        RuleCase(.layout, "OpName %main \"main\"", is: "OpReturn", at: ""),
        RuleCase(
            .layout, "%id = OpVariable %input Input",
            is: "%id = OpVariable %input Input\n%r = OpExtInst %float %set sqrt %half",
            at: "%r = OpExtInst %float %set sqrt %half"),
        RuleCase(
            .layout, "%only = OpLabel", is: "%only = OpLabel\n%f = OpFunction %uint Pure %sum",
            at: "%f = OpFunction %uint Pure %sum"),
        RuleCase(
            .memoryModelTwice, "OpMemoryModel Physical64 OpenCL",
            is: "OpMemoryModel Physical64 OpenCL\nOpMemoryModel Physical64  OpenCL", at: ""),
        RuleCase(.memoryModelMissing, "OpMemoryModel Physical64 OpenCL", is: "", at: ""),
        RuleCase(
            .decorationGroup, "OpDecorate %data FuncParamAttr 5", is: "OpGroupDecorate %uint %data"),
        RuleCase(
            .decorationGroup, "OpDecorate %data FuncParamAttr 5",
            is: "%g = OpDecorationGroup\n%h = OpDecorationGroup\nOpGroupDecorate %g %h", at: "OpGroupDecorate %g %h"),
        RuleCase(
            .tooManyDecorations, "OpDecorate %data FuncParamAttr 5",
            is: "OpDecorate %g Constant\n%g = OpDecorationGroup\nOpGroupDecorate %g %data %data %data",
            at: "OpGroupDecorate %g %data %data %data", limits: limits { $0.decorations = 3 }),
        RuleCase(.typeExpected, "%float4 = OpTypeVector %float 4", is: "%float4 = OpTypeVector %later 4", at: ""),
        RuleCase(.typeExpected, "%true = OpConstantTrue %bool", is: "%true = OpConstantTrue %one", at: ""),
        RuleCase(.typeExpected, "%pair = OpTypeStruct %uint %float", is: "%pair = OpTypeStruct %pair %float", at: ""),
        RuleCase(.numberWidth, "%uint = OpTypeInt 32 0", is: "%uint = OpTypeInt 24 0", at: ""),
        RuleCase(.numberWidth, "%uint = OpTypeInt 32 0", is: "%uint = OpTypeInt 32 2", at: ""),
        RuleCase(.numberWidth, "%float = OpTypeFloat 32", is: "%float = OpTypeFloat 80", at: ""),
        RuleCase(.vectorSize, "%float4 = OpTypeVector %float 4", is: "%float4 = OpTypeVector %float 5", at: ""),
        RuleCase(
            .matrixSize, "%pair = OpTypeStruct %uint %float",
            is: "%matrix = OpTypeMatrix %float4 5\n%pair = OpTypeStruct %uint %float", at: ""),
        RuleCase(.arrayLength, "%array = OpTypeArray %float %four", is: "%array = OpTypeArray %float %uint", at: ""),
        RuleCase(
            .tooManyMembers, "%pair = OpTypeStruct %uint %float", is: "%pair = OpTypeStruct %uint %float %uint",
            limits: limits { $0.structureMembers = 2 }),
        RuleCase(
            .forwardPointer, "%uint = OpTypeInt 32 0",
            is: "OpTypeForwardPointer %never CrossWorkgroup\n%uint = OpTypeInt 32 0", at: ""),
        RuleCase(
            .forwardPointer, "%uint = OpTypeInt 32 0",
            is: "OpTypeForwardPointer %global Function\n%uint = OpTypeInt 32 0", at: ""),
        RuleCase(
            .forwardPointer, "%procedure = OpTypeFunction %void %global %uint",
            is: "OpTypeForwardPointer %global CrossWorkgroup\n%procedure = OpTypeFunction %void %global %uint", at: ""),
        RuleCase(.constantType, "%half = OpConstant %float 0.5", is: "%half = OpConstant %bool 1"),
        RuleCase(.variableClass, "%id = OpVariable %input Input", is: "%id = OpVariable %input Function", at: ""),
    ]

    static let functions: [RuleCase] = [
        RuleCase(.functionType, "%add = OpFunction %uint Pure %sum", is: "%add = OpFunction %uint Pure %uint", at: ""),
        RuleCase(.functionType, "%add = OpFunction %uint Pure %sum", is: "%add = OpFunction %float Pure %sum", at: ""),
        RuleCase(.functionParameters, "%right = OpFunctionParameter %uint", is: "", at: "%only = OpLabel"),
        RuleCase(
            .functionParameters, "%right = OpFunctionParameter %uint", is: "%right = OpFunctionParameter %float"),
        RuleCase(
            .functionParameters, "%right = OpFunctionParameter %uint",
            is: "%right = OpFunctionParameter %uint\n%more = OpFunctionParameter %uint",
            at: "%more = OpFunctionParameter %uint"),
        RuleCase(
            .functionParameters, "%total = OpIAdd %uint %left %right",
            is: "%late = OpFunctionParameter %uint\n%total = OpIAdd %uint %left %right"),
        RuleCase(
            .functionOrder, "%main = OpFunction %void None %procedure",
            is: """
                %f = OpFunction %uint None %sum
                %a = OpFunctionParameter %uint
                %b = OpFunctionParameter %uint
                OpFunctionEnd
                %main = OpFunction %void None %procedure
                """),
        RuleCase(.functionEnd, "%last = OpPhi %uint %small %entry %new %then", is: "OpUnreachable", at: "", cut: 2),
        RuleCase(.outsideOfBlock, "%only = OpLabel", is: "", at: "%total = OpIAdd %uint %left %right"),
        RuleCase(.blockEnd, "OpReturnValue %total", is: "", at: ""),
        RuleCase(.blockEnd, "OpBranch %end", is: "", at: "%end = OpLabel"),
        RuleCase(
            .phiPlace, "%total = OpIAdd %uint %left %right",
            is: "%p = OpPhi %uint %left %only\n%total = OpIAdd %uint %left %right"),
        RuleCase(
            .phiPlace, "%last = OpPhi %uint %small %entry %new %then",
            is: "OpStore %variable %one\n%last = OpPhi %uint %small %entry %new %then",
            at: "%last = OpPhi %uint %small %entry %new %then"),
        RuleCase(.variablePlace, "OpStore %cell %half", is: "%late = OpVariable %private Function"),
        RuleCase(
            .variablePlace, "%x = OpCompositeExtract %ulong %place 0",
            is: "%x = OpCompositeExtract %ulong %place 0\n%late = OpVariable %private Function",
            at: "%late = OpVariable %private Function"),
        RuleCase(
            .tooManyVariables, "%table = OpVariable %arrays Function", is: "%table = OpVariable %arrays  Function",
            at: "", limits: limits { $0.functionVariables = 1 }),
        RuleCase(
            .tooManyParameters, "%sum = OpTypeFunction %uint %uint %uint",
            is: "%sum = OpTypeFunction %uint %uint %uint %uint", limits: limits { $0.parameters = 2 }),
        RuleCase(
            .mergePlace, "OpBranchConditional %less %then %end",
            is: "OpSelectionMerge %end None\n%odd = OpIAdd %uint %one %one\nOpBranchConditional %less %then %end",
            at: "%odd = OpIAdd %uint %one %one"),
        RuleCase(.branchTarget, "OpBranch %end", is: "OpBranch %only"),
        RuleCase(.branchTarget, "OpBranch %end", is: "OpBranch %one"),
        RuleCase(.branchTarget, "OpBranch %end", is: "OpBranch %entry"),
        RuleCase(
            .branchTarget, "OpBranchConditional %less %then %end",
            is: "OpSelectionMerge %only None\nOpBranchConditional %less %then %end",
            at: "OpBranchConditional %less %then %end"),
        RuleCase(.switchSelector, "OpBranch %end", is: "OpSwitch %half %end 1 %then"),
        RuleCase(.switchSelector, "OpBranch %end", is: "OpSwitch %last %end 1 %then"),
    ]

    static let all = words + operands + declarations + functions

    static func limits(_ change: (inout Limits) -> Void) -> Limits {
        var limits = Limits()
        change(&limits)
        return limits
    }
}
