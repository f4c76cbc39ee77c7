import Testing

@testable import SPIRV

@Suite("Reading modules")
struct ReadingTests {
    @Test("The example kernels' modules are read", arguments: ExampleModules.all)
    func examples(_ file: ExampleModules.File) throws {
        let module = try Module(bytes: file.bytes)
        #expect(module.version == (file.isOpenCL ? Version(1, 0) : Version(1, 5)))
        #expect(module.capabilities.contains(file.isOpenCL ? .kernel : .shader))
        #expect(module.addressingModel != .logical || !file.isOpenCL)
        #expect(!module.entryPoints.isEmpty)
        for entryPoint in module.entryPoints {
            let function = try #require(module.function(entryPoint.function))
            #expect(!function.isDeclaration)
            #expect(entryPoint.model == (file.isOpenCL ? .kernel : .glCompute))
            #expect(entryPoint.name == "main" || file.isOpenCL)
        }
    }

    @Test("Blocks hold all instructions of their function, in order", arguments: ExampleModules.all)
    func blocks(_ file: ExampleModules.File) throws {
        let module = try Module(bytes: file.bytes)
        for function in module.functions {
            for (index, block) in function.blocks.enumerated() {
                #expect(module.blockIndex(block.label) == index)
                #expect(block.phis.allSatisfy { module.instructions[$0].opcode == .phi })
                #expect(!block.body.contains { module.instructions[$0].opcode.isTerminator })
                #expect(block.phis.upperBound == block.body.lowerBound)
                #expect(module.instructions[block.terminatorIndex].opcode.isTerminator)
                #expect(block.body.upperBound + (block.merge == nil ? 0 : 1) == block.terminatorIndex)
                #expect(block.successors.allSatisfy { $0 > 0 && $0 < function.blocks.count })
            }
        }
    }

    @Test("A module in the other byte order is the same module", arguments: ExampleModules.all)
    func byteOrder(_ file: ExampleModules.File) throws {
        let module = try Module(words: file.words.map(\.byteSwapped))
        #expect(module.words == file.words)
        #expect(module.entryPoints == (try Module(bytes: file.bytes)).entryPoints)
    }

    @Test("What was said is found by whom it is about")
    func facts() throws {
        let words = try Assembler.assemble(
            """
            OpCapability Shader
            OpExtension "SPV_KHR_storage_buffer_storage_class"
            %set = OpExtInstImport "GLSL.std.450"
            OpMemoryModel Logical GLSL450
            OpEntryPoint GLCompute %main "work" %id
            OpExecutionMode %main LocalSize 8 4 1
            OpName %main "main"
            OpMemberName %block 1 "data"
            OpDecorate %id BuiltIn GlobalInvocationId
            OpMemberDecorate %block 1 Offset 16
            OpMemberDecorate %block 0 Offset 0
            OpDecorate %block BufferBlock
            OpDecorate %size SpecId 7
            %void = OpTypeVoid
            %uint = OpTypeInt 32 0
            %long = OpTypeInt 64 1
            %float = OpTypeFloat 32
            %uint3 = OpTypeVector %uint 3
            %pointer = OpTypePointer Input %uint3
            %id = OpVariable %pointer Input
            %size = OpSpecConstant %uint 5
            %wide = OpConstant %long 0xffffffff 0x7fffffff
            %array = OpTypeArray %float %size
            %data = OpTypeRuntimeArray %float
            %block = OpTypeStruct %array %data
            %procedure = OpTypeFunction %void
            %main = OpFunction %void None %procedure
            %first = OpLabel
            %value = OpLoad %uint3 %id
            %x = OpCompositeExtract %uint %value 0
            OpSelectionMerge %end None
            OpSwitch %x %end 3 %third 5 %third
            %third = OpLabel
            OpBranch %end
            %end = OpLabel
            %choice = OpPhi %uint %x %first %size %third
            OpReturn
            OpFunctionEnd
            """)
        let module = try Module(words: words)
        #expect(module.extensions == ["SPV_KHR_storage_buffer_storage_class"])
        #expect(module.capabilities == [.shader, .matrix])
        #expect(module.names.values.sorted() == ["main"])
        let entry = try #require(module.entryPoints.first)
        #expect(entry.name == "work" && entry.model == .glCompute && entry.interface.count == 1)
        #expect(module.builtIn(of: entry.interface[0]) == .globalInvocationId)
        let mode = try #require(module.executionModes(of: entry.function).first)
        #expect(mode.mode == .localSize && Array(module.words[mode.operands]) == [8, 4, 1])
        let block = try #require(module.types.last { $0.type.isComposite })
        #expect(module.decorationValue(.offset, of: block.id, member: 1) == 16)
        #expect(module.decorationValue(.offset, of: block.id, member: 0) == 0)
        #expect(module.decoration(.bufferBlock, of: block.id) != nil)
        #expect(module.decorations(of: block.id).count == 1)
        #expect(module.memberNames[Module.MemberKey(structure: block.id, member: 1)] == "data")
        #expect(module.constants.map(\.content) == [.bits(5), .bits(0x7fff_ffff_ffff_ffff)])
        #expect(module.constants.map(\.specializationID) == [7, nil])
        #expect(module.constants.map(\.isSpecialization) == [true, false])
        let blocks = module.functions[0].blocks
        #expect(blocks.map(\.successors) == [[2, 1], [2], []])
        #expect(blocks[0].merge?.target == blocks[2].label)
        guard case .switch(_, let otherwise, let cases) = blocks[0].terminator else {
            Issue.record("the first block ends in a switch")
            return
        }
        #expect(otherwise == blocks[2].label && cases.map(\.value) == [3, 5])
        let phi = module.instructions[blocks[2].phis.lowerBound]
        #expect(module.phiSources(phi).map(\.block) == [blocks[0].label, blocks[1].label])
        #expect(module.type(ofValue: module.phiSources(phi)[0].value) == .int(width: 32, isSigned: false))
    }

    @Test("A group's decorations are its targets'")
    func groups() throws {
        let words = try Assembler.assemble(
            """
            OpCapability Shader
            OpMemoryModel Logical GLSL450
            OpDecorate %group NonWritable
            OpDecorate %group Offset 4
            %group = OpDecorationGroup
            OpGroupDecorate %group %a %b
            OpGroupMemberDecorate %group %pair 1
            %int = OpTypeInt 32 0
            %a = OpConstant %int 1
            %b = OpConstant %int 2
            %pair = OpTypeStruct %int %int
            """)
        let module = try Module(words: words)
        for constant in module.constants {
            #expect(module.decorations(of: constant.id).map(\.kind) == [.nonWritable, .offset])
        }
        #expect(module.decorationValue(.offset, of: module.types[1].id, member: 1) == 4)
        #expect(module.decorations(of: module.types[1].id, member: 0).isEmpty)
    }

    @Test("Every instruction has the name that the specification gives it")
    func names() {
        #expect(Opcode.iAdd.name == "OpIAdd" && Opcode.suDot.name == "OpSUDot" && Opcode.return.name == "OpReturn")
        #expect(Set(Opcode.allCases.map(\.name)).count == Opcode.allCases.count)
        #expect(BuiltIn.globalInvocationId.name == "GlobalInvocationId")
        #expect(ExecutionModel.glCompute.name == "GLCompute")
        #expect(OpenCLInstruction.native_sin.name == "native_sin")
    }
}
