import EventLoop
import Glibc
import Linux
import Synchronization

/// Code objects made by the clang that comes with Swift.
enum Toolchain {
    private static let cache = Mutex<[String: [UInt8]]>([:])

    /// The ELF file of a kernel in `Resources/kernels.c`, with the kernel as its entry point.
    static func codeObject(_ kernel: String, flags: [String] = []) throws -> [UInt8] {
        try cache.withLock { cache in
            let key = ([kernel] + flags).joined(separator: " ")
            if let known = cache[key] { return known }
            let file = try compile(kernel, flags)
            cache[key] = file
            return file
        }
    }

    private static func compile(_ kernel: String, _ flags: [String]) throws -> [UInt8] {
        let folder = directory(of: directory(of: #filePath))
        let headers = directory(of: directory(of: folder)) + "/Sources/CSoftGPU/include"
        var template = Array("/tmp/understudy-code-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw ToolchainError(description: "mkdtemp: \(errno)") }
        let temporary = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let output = temporary + "/code.so"
        defer {
            _ = unsafe unlink(output)
            _ = unsafe rmdir(temporary)
        }
        let status = try run(
            clang,
            [
                "-O2", "-fPIC", "-shared", "-nostdlib", "-ffreestanding", "-fno-stack-protector", "-fuse-ld=lld",
                "-Wl,-Bsymbolic",
                "-Wl,-e,\(kernel)", "-I\(headers)",
            ] + flags + ["\(folder)/Resources/kernels.c", "-o", output])
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
