import Glibc

/// The project's own text files, read once from the tree that the tests were built from.
enum SourceTree {
    /// The files, in the order of their paths.
    static let files: [SourceFile] = read()

    /// The hand-written and generated Swift files.
    static var swiftFiles: [SourceFile] { files.filter { $0.path.hasSuffix(".swift") } }

    /// The pages for people.
    static var pages: [SourceFile] { files.filter { $0.path.hasSuffix(".md") } }

    /// The file with this path, if it is one of the project's.
    static func file(_ path: String) -> SourceFile? { files.first { $0.path == path } }

    /// Whether something is there, a folder included.
    static func exists(_ path: String) -> Bool { unsafe access(root + "/" + path, F_OK) == 0 }

    /// Whether a file may be run as a program.
    static func isExecutable(_ path: String) -> Bool { unsafe access(root + "/" + path, X_OK) == 0 }

    /// This file is Tests/TidyTests/Support/SourceTree.swift.
    private static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(4)
        return parts.joined(separator: "/")
    }()

    private static let folders = [".ci", "Fuzz", "Kernels", "Sources", "Tests", "docs", "scripts"]
    private static let endings = [
        ".swift", ".c", ".h", ".cl", ".comp", ".md", ".yml", ".yaml", ".modulemap", ".service", ".sha256",
    ]

    private static func read() -> [SourceFile] {
        var paths = entries(of: "").filter { !isFolder($0) && (isText($0) || !$0.contains(".")) }
        for folder in folders { collect(folder, &paths) }
        return paths.sorted().map { SourceFile(path: $0, text: text(of: $0)) }
    }

    /// Resources are the recorded bytes of others, and not looked at.
    private static func collect(_ folder: String, _ paths: inout [String]) {
        for path in entries(of: folder) {
            if isFolder(path) {
                if !path.hasSuffix("/Resources") { collect(path, &paths) }
            } else if isText(path) || folder == "scripts" || folder == ".ci" {
                paths.append(path)
            }
        }
    }

    private static func isText(_ path: String) -> Bool { endings.contains { path.hasSuffix($0) } }

    private static func entries(of folder: String) -> [String] {
        guard let directory = unsafe opendir(root + "/" + folder) else { return [] }
        defer { unsafe closedir(directory) }
        var result: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { result.append(folder.isEmpty ? name : folder + "/" + name) }
        }
        return result
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(root + "/" + path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func text(of path: String) -> String {
        guard let file = unsafe fopen(root + "/" + path, "r") else { return "" }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
