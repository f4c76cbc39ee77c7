import Glibc
import Linux
import Testing

@testable import Workers

/// The example of docs/softgpu.md: its source is compiled, and its bytes are run.
@Suite struct DocumentationTests {
    private static let document: [Substring] = {
        let root = Toolchain.directory(of: Toolchain.directory(of: Toolchain.directory(of: #filePath)))
        let file = FileDescriptor(owning: unsafe open(root + "/docs/softgpu.md", O_RDONLY | O_CLOEXEC))
        let bytes = (try? file.read(at: 0, count: Int(file.status().size))) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }()

    /// The lines of the block that starts with a line.
    private func block(startingWith first: String) throws -> ArraySlice<Substring> {
        let start = try #require(DocumentationTests.document.firstIndex { $0.hasPrefix(first) })
        let end = try #require(DocumentationTests.document[start...].firstIndex(of: "```"))
        return DocumentationTests.document[start..<end]
    }

    /// The bytes of `place: xx xx … what it is` lines.
    private func bytes(_ lines: ArraySlice<Substring>) -> [UInt8] {
        lines.flatMap { line in
            let fields = line.drop { $0 != ":" }.dropFirst().split(separator: " ", omittingEmptySubsequences: true)
            return fields.prefix { $0.count == 2 }.compactMap { UInt8($0, radix: 16) }
        }
    }

    @Test func runsAsItSays() throws {
        let space = try AddressSpace(bytes: 16 << 20)
        let source = try block(startingWith: "/* saxpy.c */").joined(separator: "\n")
        let elf = try Toolchain.codeObject("saxpy", source: source, flags: ["-fvisibility=hidden"])
        let arguments = bytes(try block(startingWith: "2_0020_0000:"))
        var packet = bytes(try block(startingWith: "00: 06"))
        #expect(arguments.count == 24)
        #expect(packet.count == 72)
        // The size is that of the compiler at hand.
        for index in 0..<8 { packet[16 + index] = UInt8(truncatingIfNeeded: elf.count >> (index * 8)) }
        try space.memory.write(unsafe elf.span.bytes, at: 0x10_0000)
        try space.memory.write(unsafe arguments.span.bytes, at: 0x20_0000)
        try space.memory.write(unsafe packet.span.bytes, at: 0)
        try space.write((0..<1024).map { (index: Int) in Float(index).bitPattern }, at: 0x40_0000)
        try space.write((0..<1024).map { (index: Int) in Float(index * 3).bitPattern }, at: 0x80_0000)
        space.worker.run(WorkerJob(id: 1, engine: 0, commandBuffer: AddressSpace.base, length: 72))
        #expect(space.finish(1) == .completed)
        let results = try space.halfWords(at: 0x40_0000, count: 1024).map { Float(bitPattern: $0) }
        let expected: [Float] = (0..<1024).map { (index: Int) in Float(index < 1000 ? index * 7 : index) }
        #expect(results == expected)
    }
}
