import Glibc
import Testing

@testable import SPIRV

/// The example kernels' modules.
enum ExampleModules {
    /// A module's file.
    struct File: Sendable, CustomTestStringConvertible {
        /// Below the project's folder.
        let path: String
        let bytes: [UInt8]

        var words: [UInt32] { Module.words(of: bytes) }

        var isOpenCL: Bool { path.contains("/OpenCL/") }

        var testDescription: String { path }
    }

    /// This file is Tests/SPIRVTests/Support/ExampleModules.swift.
    static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(4)
        return parts.joined(separator: "/")
    }()

    /// In the order of their paths.
    static let all: [File] = ["Kernels/GLSL", "Kernels/OpenCL"].flatMap { folder in
        names(in: folder).filter { $0.hasSuffix(".spv") }.sorted().map { name in
            File(path: "\(folder)/\(name)", bytes: bytes(of: "\(folder)/\(name)"))
        }
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = unsafe opendir(root + "/" + folder) else { return [] }
        defer { unsafe closedir(directory) }
        var result: [String] = []
        while let entry = unsafe readdir(directory) {
            result.append(
                unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return result
    }

    /// The bytes of a file below the project's folder; none of one that cannot be read.
    static func bytes(of path: String) -> [UInt8] {
        guard let file = unsafe fopen(root + "/" + path, "r") else { return [] }
        defer { unsafe fclose(file) }
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe fread(&buffer, 1, buffer.count, file)
            if count == 0 { return result }
            result += buffer[..<count]
        }
    }
}
