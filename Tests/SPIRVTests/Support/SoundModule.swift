@testable import SPIRV

/// Modules that break no rule, and the same with a line changed.
enum SoundModule {
    /// An OpenCL kernel that adds one to each element, by a function of its own.
    static let kernel = """
        OpCapability Addresses
        OpCapability Kernel
        OpCapability Int64
        OpCapability Int8
        %set = OpExtInstImport "OpenCL.std"
        OpMemoryModel Physical64 OpenCL
        OpEntryPoint Kernel %main "work" %id
        OpExecutionMode %main LocalSize 8 1 1
        OpSource 3 102000
        OpName %main "main"
        OpDecorate %id BuiltIn GlobalInvocationId
        OpDecorate %data FuncParamAttr 5
        %uint = OpTypeInt 32 0
        %ulong = OpTypeInt 64 0
        %uchar = OpTypeInt 8 0
        %bool = OpTypeBool
        %void = OpTypeVoid
        %float = OpTypeFloat 32
        %ulong3 = OpTypeVector %ulong 3
        %float4 = OpTypeVector %float 4
        %one = OpConstant %uint 1
        %four = OpConstant %uint 4
        %big = OpConstant %ulong 1 0
        %half = OpConstant %float 0.5
        %true = OpConstantTrue %bool
        %array = OpTypeArray %float %four
        %pair = OpTypeStruct %uint %float
        %nothing = OpConstantNull %pair
        %halves = OpConstantComposite %float4 %half %half %half %half
        %input = OpTypePointer Input %ulong3
        %id = OpVariable %input Input
        %global = OpTypePointer CrossWorkgroup %uint
        %private = OpTypePointer Function %uint
        %arrays = OpTypePointer Function %array
        %floats = OpTypePointer Function %float
        %procedure = OpTypeFunction %void %global %uint
        %sum = OpTypeFunction %uint %uint %uint
        %add = OpFunction %uint Pure %sum
        %left = OpFunctionParameter %uint
        %right = OpFunctionParameter %uint
        %only = OpLabel
        %total = OpIAdd %uint %left %right
        OpReturnValue %total
        OpFunctionEnd
        %main = OpFunction %void None %procedure
        %data = OpFunctionParameter %global
        %count = OpFunctionParameter %uint
        %entry = OpLabel
        %variable = OpVariable %private Function
        %table = OpVariable %arrays Function
        %place = OpLoad %ulong3 %id Aligned 32
        %x = OpCompositeExtract %ulong %place 0
        %small = OpUConvert %uint %x
        %less = OpULessThan %bool %small %count
        OpBranchConditional %less %then %end
        %then = OpLabel
        %element = OpInBoundsPtrAccessChain %global %data %x
        %old = OpLoad %uint %element Aligned 4
        %new = OpFunctionCall %uint %add %old %one
        OpStore %element %new Aligned 4
        OpStore %variable %new
        %cell = OpInBoundsAccessChain %floats %table %one
        OpStore %cell %half
        %root = OpExtInst %float %set sqrt %half
        OpBranch %end
        %end = OpLabel
        %last = OpPhi %uint %small %entry %new %then
        OpReturn
        OpFunctionEnd
        """

    /// A shader that does the same with a storage buffer, in a loop.
    static let shader = """
        OpCapability Shader
        %set = OpExtInstImport "GLSL.std.450"
        OpMemoryModel Logical GLSL450
        OpEntryPoint GLCompute %main "main" %id
        OpExecutionMode %main LocalSize 8 1 1
        OpDecorate %id BuiltIn GlobalInvocationId
        OpDecorate %elements ArrayStride 4
        OpMemberDecorate %buffer 0 Offset 0
        OpDecorate %buffer Block
        OpDecorate %data DescriptorSet 0
        OpDecorate %data Binding 0
        OpDecorate %count SpecId 3
        %void = OpTypeVoid
        %bool = OpTypeBool
        %uint = OpTypeInt 32 0
        %int = OpTypeInt 32 1
        %float = OpTypeFloat 32
        %uint3 = OpTypeVector %uint 3
        %zero = OpConstant %uint 0
        %one = OpConstant %uint 1
        %two = OpConstant %uint 2
        %four = OpConstant %uint 4
        %nought = OpConstant %int 0
        %semantics = OpConstant %uint 264
        %count = OpSpecConstant %uint 64
        %twice = OpSpecConstantOp %uint IMul %count %two
        %input = OpTypePointer Input %uint3
        %id = OpVariable %input Input
        %elements = OpTypeRuntimeArray %uint
        %buffer = OpTypeStruct %elements
        %buffers = OpTypePointer StorageBuffer %buffer
        %data = OpVariable %buffers StorageBuffer
        %word = OpTypePointer StorageBuffer %uint
        %table = OpTypeArray %uint %count
        %tables = OpTypePointer Workgroup %table
        %shared = OpVariable %tables Workgroup
        %cell = OpTypePointer Workgroup %uint
        %local = OpTypePointer Function %uint
        %procedure = OpTypeFunction %void
        %main = OpFunction %void None %procedure
        %entry = OpLabel
        %variable = OpVariable %local Function
        %place = OpLoad %uint3 %id
        %x = OpCompositeExtract %uint %place 0
        OpBranch %head
        %head = OpLabel
        %i = OpPhi %uint %zero %entry %next %continue
        %more = OpULessThan %bool %i %four
        OpLoopMerge %after %continue None
        OpBranchConditional %more %body %after
        %body = OpLabel
        %odd = OpBitwiseAnd %uint %i %one
        %isOdd = OpINotEqual %bool %odd %zero
        OpSelectionMerge %joined None
        OpBranchConditional %isOdd %then %joined
        %then = OpLabel
        %element = OpAccessChain %word %data %nought %x
        %old = OpAtomicIAdd %uint %element %one %zero %one
        OpBranch %joined
        %joined = OpLabel
        %slot = OpAccessChain %cell %shared %x
        OpStore %slot %i
        OpControlBarrier %two %two %semantics
        OpBranch %continue
        %continue = OpLabel
        %next = OpIAdd %uint %i %one
        OpBranch %head
        %after = OpLabel
        OpReturn
        OpFunctionEnd
        """
}
