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
}
