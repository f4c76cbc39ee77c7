import Configuration
import Linux

/// Files that a test makes up.
struct MemoryFiles: ConfigurationFiles {
    var files: [String: String] = [:]
    /// What reading any other file fails with: by default that there is none.
    var code: Int32 = 2

    func read(_ path: String, maximum: Int) throws(SystemError) -> [UInt8] {
        guard let text = files[path] else { throw SystemError(code: code, operation: "open \(path)") }
        return Array(text.utf8.prefix(maximum))
    }

    func names(in folder: String) throws(SystemError) -> [String] {
        files.keys.filter { $0.hasPrefix(folder + "/") }.map { String($0.dropFirst(folder.utf8.count + 1)) }.sorted()
    }
}

extension Settings {
    /// Reads a text as the file `test.yaml`.
    init(_ text: String, files: MemoryFiles = MemoryFiles()) throws(ConfigurationError) {
        try self.init(parsing: Array(text.utf8), file: "test.yaml", files: files)
    }

    /// What is wrong with a text, a line for each problem, without the name of the file.
    static func problems(_ text: String, files: MemoryFiles = MemoryFiles()) -> [String] {
        do throws(ConfigurationError) {
            _ = try Settings(text, files: files)
            return []
        } catch {
            return error.problems.map { problem in
                let text = problem.description
                return text.hasPrefix("test.yaml:") ? String(text.dropFirst("test.yaml:".utf8.count)) : text
            }
        }
    }
}

/// The files of this project.
enum Project {
    static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        .joined(separator: "/")

    static func text(_ path: String) throws -> String {
        String(decoding: try SystemFiles().read("\(root)/\(path)", maximum: 1 << 20), as: UTF8.self)
    }
}
