import Testing

@Suite("Unsafe code")
struct SafetyTests {
    /// Folders in which unsafe pointers end: the system's, libuv's and LLVM's calls, and the inside of the worker.
    static let folders = [
        "Sources/Compiler/LLVM/", "Sources/EventLoop/", "Sources/Linux/", "Sources/understudy-worker/", "Fuzz/",
    ]

    /// Files elsewhere, each of which reads or writes raw bytes once for its target.
    static let files: Set<String> = [
        "Sources/Carriers/Frames/Integers.swift",
        "Sources/Carriers/MemoryMapping+SharedBytes.swift",
        "Sources/Carriers/Session/MemoryRequests.swift",
        "Sources/Configuration/Files/SystemFiles.swift",
        "Sources/Configuration/YAML/YAMLEventParser.swift",
        "Sources/DXGProtocol/Wire/WireMemory.swift",
        "Sources/Guest/Commands/CommandBuffer.swift",
        "Sources/Guest/Connection/Bytes.swift",
        "Sources/Guest/Connection/Monitor.swift",
        "Sources/Guest/Connection/ServiceThread.swift",
        "Sources/Guest/Machine/IOSpace.swift",
        "Sources/Guest/Process/AllocationTypes.swift",
        "Sources/Host/LineDifference.swift",
        "Sources/SoftGPU/Memory/PrivateData.swift",
        "Sources/VMBus/Rings/SharedBytes.swift",
        "Sources/VMBus/Wire/RawSpan+Reading.swift",
        "Sources/WorkerProtocol/Commands/CommandPacket.swift",
        "Sources/WorkerProtocol/Records/Record.swift",
        "Sources/Workers/CodeObjects/ELF.swift",
        "Sources/understudy/Demo/PlainLoops.swift",
        "Sources/understudy/TextLine.swift",
    ]

    static let unsafeFiles = SourceTree.swiftFiles.filter { file in
        ["Sources/", "Fuzz/"].contains { file.path.hasPrefix($0) } && file.code.contains(where: isUnsafe)
    }

    @Test("Unsafe code stands in few files, known by name")
    func places() {
        let wrong = Self.unsafeFiles.filter { file in
            !Self.files.contains(file.path) && !Self.folders.contains { file.path.hasPrefix($0) }
        }
        #expect(wrong.flatMap { $0.codePlaces(where: Self.isUnsafe) } == [])
    }

    @Test("The list names no file that is safe")
    func listIsShort() {
        #expect(Self.files.subtracting(Self.unsafeFiles.map(\.path)).sorted() == [])
    }

    @Test("A file with unsafe code says why it is sound")
    func notes() {
        let silent = Self.unsafeFiles.filter { !$0.text.contains("SAFETY: ") }
        #expect(silent.map(\.path) == [])
    }

    /// Whether a line of code has an unsafe expression other than the bytes of a span, which are checked like the span
    /// and only marked so in the standard library.
    private static func isUnsafe(_ line: String) -> Bool {
        guard line.contains("unsafe") else { return false }
        let words = Words.all(in: line)
        let count = words.count { $0 == "unsafe" }
        let spans = line.matches(of: /unsafe (?:[\w.(]*span\.bytes|\w+\.mutableBytes)/).count
        return count > spans
    }
}
