import EventLoop
import Glibc
import Linux
import Synchronization

/// Code objects made by the clang that comes with Swift.
enum Toolchain {
    private static let cache = Mutex<[String: [UInt8]]>([:])

    /// The ELF file of a kernel, with the kernel as its entry point; from `Resources/kernels.c` unless a source is
    /// given.
    static func codeObject(_ kernel: String, source: String? = nil, flags: [String] = []) throws -> [UInt8] {
        try cache.withLock { cache in
            let key = ([kernel, source ?? ""] + flags).joined(separator: " ")
            if let known = cache[key] { return known }
            let file = try compile(kernel, source, flags)
            cache[key] = file
            return file
        }
    }

    private static func compile(_ kernel: String, _ source: String?, _ flags: [String]) throws -> [UInt8] {
        let folder = directory(of: directory(of: #filePath))
        let headers = directory(of: directory(of: folder)) + "/Sources/CSoftGPU/include"
        var template = Array("/tmp/understudy-code-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw ToolchainError(description: "mkdtemp: \(errno)") }
        let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let output = temporary + "/code.so"
        let input = source == nil ? folder + "/Resources/kernels.c" : temporary + "/code.c"
        defer {
            _ = unsafe unlink(output)
            if source != nil { _ = unsafe unlink(input) }
            _ = unsafe rmdir(temporary)
        }
        if let source {
            let file = FileDescriptor(owning: unsafe open(input, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600))
            try file.write(unsafe Array(source.utf8).span.bytes, at: 0)
        }
        let status = try run(
            clang,
            [
                "-O2", "-fPIC", "-shared", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fuse-ld=lld",
                "-Wl,-Bsymbolic,-e,\(kernel)", "-I\(headers)",
            ] + flags + [input, "-o", output])
        guard status == .exited(0) else { throw ToolchainError(description: "clang \(status)") }
        let file = FileDescriptor(owning: unsafe open(output, O_RDONLY | O_CLOEXEC))
        return try file.read(at: 0, count: Int(file.status().size))
    }

    /// Beside the `swift` that is found first.
    private static let clang: String = {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? ""
        for folder in path.split(separator: ":") {
            guard let found = unsafe realpath("\(folder)/swift", nil) else { continue }
            defer { unsafe free(found) }
            return directory(of: unsafe String(cString: found)) + "/clang"
        }
        return "clang"
    }()

    private static func run(_ program: String, _ arguments: [String]) throws -> ExitStatus {
        let loop = try EventLoop()
        var status: ExitStatus?
        let child = try ChildProcess(loop, executable: program, arguments: arguments, descriptors: [-1, 1, 2]) {
            status = $0
        }
        defer { child.close() }
        while true {
            if let status { return status }
            loop.runTurn(waiting: true)
        }
    }

    static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}

struct ToolchainError: Error, CustomStringConvertible {
    let description: String
}
