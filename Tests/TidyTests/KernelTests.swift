import KernelReferences
import Testing

@Suite("Kernels")
struct KernelTests {
    @Test("The digest is right for messages of known digest")
    func digest() {
        #expect(
            SHA256.hexDigest(of: []) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            SHA256.hexDigest(of: Array("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(
            SHA256.hexDigest(of: [UInt8](repeating: UInt8(ascii: "a"), count: 119))
                == "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb")
    }

    @Test("The committed code objects are of the committed sources: run scripts/build-kernels otherwise")
    func sources() throws {
        let swift = try #require(SourceTree.file("Sources/understudy/DemoKernels.swift"))
        let sources = SourceTree.files.filter { $0.path.hasPrefix("Kernels/") && $0.path.hasSuffix(".c") }
        #expect(!sources.isEmpty)
        let recorded = swift.text.matches(of: /let (\w+) = CodeObjectPair\(\s*sourceDigest: "([0-9a-f]{64})"/)
            .map { "\($0.output.1) \($0.output.2)" }
        let actual = sources.map { source in
            let name = source.path.dropFirst("Kernels/".count).dropLast(".c".count)
            return "\(name) \(SHA256.hexDigest(of: Array(source.text.utf8)))"
        }
        #expect(recorded.sorted() == actual.sorted())
    }

    @Test("The committed SPIR-V is of the committed sources: run scripts/build-spirv otherwise")
    func modules() throws {
        let sources = SourceTree.files.filter { $0.path.hasSuffix(".cl") || $0.path.hasSuffix(".comp") }
        #expect(!sources.isEmpty)
        let recorded = try #require(SourceTree.file("Kernels/sources.sha256")).lines.filter { !$0.isEmpty }.map(
            String.init)
        let actual = sources.map { "\(SHA256.hexDigest(of: Array($0.text.utf8)))  \($0.path)" }
        #expect(recorded.sorted() == actual.sorted())
        let withoutModule = sources.map(\.path).filter { path in
            !SourceTree.exists(path.prefix { $0 != "." } + ".spv")
        }
        #expect(withoutModule == [])
    }

    @Test("Every example kernel has a reference, and every reference is of a kernel that is there")
    func references() {
        let openCL = SourceTree.files.filter { $0.path.hasSuffix(".cl") }.flatMap { file in
            // An attribute may stand between the two words.
            file.text.matches(of: /kernel(?: __attribute__\(\(.*?\)\)\n?)? ?void (\w+)\(/).map { match in
                "\(file.path.dropFirst("Kernels/".count).dropLast(".cl".count)) \(match.output.1)"
            }
        }
        let glsl = SourceTree.files.map(\.path).filter { $0.hasSuffix(".comp") }.map { path in
            "\(path.dropFirst("Kernels/".count).dropLast(".comp".count)) main"
        }
        let launched = KernelReference.all.flatMap { reference in
            reference.makeCase(seed: 1).launches.map { "\($0.module) \($0.entryPoint)" }
        }
        #expect(openCL.count > 15 && glsl.count > 10)
        #expect(Set(launched).sorted() == (openCL + glsl).sorted())
    }

    @Test("A case is the same for the same seed, and wrong bytes are noticed in every buffer")
    func cases() {
        for reference in KernelReference.all {
            for seed: UInt64 in 1...3 {
                let first = reference.makeCase(seed: seed), second = reference.makeCase(seed: seed)
                #expect(first.buffers.map(\.initial) == second.buffers.map(\.initial), "\(reference.name)")
                #expect(first.launches.map(\.groups) == second.launches.map(\.groups), "\(reference.name)")
                let wrong = first.buffers.map { buffer in buffer.initial.map { $0 ^ 0x40 } }
                let scratchBuffers = reference.name == "OpenCL/fft_pass" ? 1 : 0
                let noticed = first.mismatches(in: wrong).count
                #expect(noticed == first.buffers.count - scratchBuffers, "\(reference.name), seed \(seed)")
            }
        }
    }
}
