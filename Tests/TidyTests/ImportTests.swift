import Testing

@Suite("Imports")
struct ImportTests {
    /// All that the targets which must not know the outside world may know.
    static let pureTargets: [(target: String, imports: Set<String>)] = [
        ("DXGProtocol", []),
        // Atomic words: a ring is written by the other side at the same time.
        ("VMBus", ["Synchronization"]),
        ("SoftGPU", ["DXGProtocol", "VMBus", "CSoftGPU", "DequeModule"]),
        ("SPIRV", []),
        ("WorkerProtocol", ["CSoftGPU"]),
    ]

    @Test("A pure target imports nothing of the outside world", arguments: pureTargets)
    func pureTarget(_ row: (target: String, imports: Set<String>)) {
        let files = SourceTree.swiftFiles.filter { $0.target.map(String.init) == row.target }
        #expect(!files.isEmpty)
        let wrong = files.flatMap { file in
            file.codePlaces { line in Self.module(importedBy: line).map { !row.imports.contains($0) } ?? false }
        }
        #expect(wrong == [])
    }

    /// Modules that are wrapped once: where they may be imported.
    static let wrappedModules: [(module: String, targets: Set<String>)] = [
        ("FoundationEssentials", ["Control"]),
        ("Dispatch", []),
        ("CLLVM", ["Compiler"]),
        ("CLibyaml", ["Configuration"]),
        ("CLibuv", ["EventLoop"]),
        ("CLinux", ["Linux"]),
        ("CWorker", ["understudy-worker"]),
        ("ArgumentParser", ["understudy"]),
        ("Logging", ["Host", "understudy"]),
    ]

    @Test("A module is imported where it is wrapped and nowhere else", arguments: wrappedModules)
    func wrappedModule(_ row: (module: String, targets: Set<String>)) {
        let wrong = SourceTree.swiftFiles.filter { file in
            file.target.map { !row.targets.contains(String($0)) } ?? file.path.hasPrefix("Fuzz/")
        }.flatMap { file in file.codePlaces { Self.module(importedBy: $0) == row.module } }
        #expect(wrong == [])
    }

    @Test("Foundation is imported nowhere, tests included")
    func noFoundation() {
        let wrong = SourceTree.swiftFiles.flatMap { file in
            file.codePlaces { Self.module(importedBy: $0) == "Foundation" }
        }
        #expect(wrong == [])
    }

    @Test("There is no Swift concurrency beside the loop")
    func noConcurrency() {
        let words: Set<Substring> = ["actor", "async", "await", "Task", "TaskGroup", "DispatchQueue"]
        let wrong = SourceTree.swiftFiles.filter { $0.path.hasPrefix("Sources/") }.flatMap { file in
            file.codePlaces { !words.isDisjoint(with: Words.all(in: $0)) }
        }
        #expect(wrong == [])
    }

    @Test("Only targets with threads of their own vouch for what the compiler cannot see")
    func noUncheckedSendable() {
        let threaded: Set<Substring> = ["Guest", "understudy-worker"]
        let wrong = SourceTree.swiftFiles.filter { $0.target.map { !threaded.contains($0) } ?? false }.flatMap { file in
            file.codePlaces { $0.contains("@unchecked") || $0.contains("nonisolated(unsafe)") }
        }
        #expect(wrong == [])
    }

    private static func module(importedBy line: String) -> String? {
        let words = line.split(separator: " ")
        guard let index = words.firstIndex(of: "import"), index + 1 < words.count else { return nil }
        // `import struct Module.Type` too.
        return words.last.map { String($0.prefix { $0 != "." }) }
    }
}
