import Glibc
import Linux
import Testing

@testable import Configuration

/// Files of this machine.
@Suite struct SystemFilesTests {
    private static func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/understudy-configuration-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            for name in (try? SystemFiles().names(in: folder)) ?? [] { unsafe unlink("\(folder)/\(name)") }
            unsafe rmdir(folder)
        }
        try body(folder)
    }

    private static func write(_ text: String, to path: String) throws {
        let number = unsafe open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(number >= 0)
        let file = FileDescriptor(owning: number)
        try file.write(Array(text.utf8), at: 0)
    }

    @Test func settingsComeFromAFolder() throws {
        try Self.withFolder { folder in
            try Self.write(
                "adapters: [tiny]\nguests: [{name: a, token-file: t}]\nadapter-profiles: .\n", to: "\(folder)/main.yaml"
            )
            try Self.write("name: tiny\nmemory: 1MiB\n", to: "\(folder)/tiny.yaml")
            try Self.write("0123456789\r\n", to: "\(folder)/t")
            let settings = try Settings(file: "\(folder)/main.yaml")
            #expect(settings.adapters.map(\.memory) == [1 << 20])
            #expect(settings.guests[0].token == Secret(Array("0123456789".utf8)))
            #expect(AdapterProfiles(folder: folder).names == ["default", "main", "tiny"])
        }
    }

    @Test func hugeFilesAreRefusedUnread() throws {
        try Self.withFolder { folder in
            let path = "\(folder)/main.yaml"
            try Self.write("a: 1\n", to: path)
            // A terabyte of nothing.
            try #require(unsafe truncate(path, 1 << 40) == 0)
            let error = #expect(throws: ConfigurationError.self) { try Settings(file: path) }
            #expect(error?.description == "\(path):2: the file has more than 1048576 bytes")
        }
    }

    @Test func onlyFilesAreRead() throws {
        try Self.withFolder { folder in
            let pipe = "\(folder)/pipe"
            try #require(unsafe mkfifo(pipe, 0o600) == 0)
            let error = #expect(throws: ConfigurationError.self) { try Settings(file: pipe) }
            #expect(
                error?.description
                    == "\(pipe): the file is not readable (read \(pipe), which is no file: Invalid argument)")
            let other = #expect(throws: ConfigurationError.self) { try Settings(file: folder) }
            #expect(other?.problems.count == 1)
        }
    }
}
