import Glibc
import Linux

/// What a process holds of the system, as `/proc` shows it.
struct ServerFacts: Equatable, CustomStringConvertible {
    /// Open descriptors by kind, such as `socket` or `/memfd:understudy-io`.
    var descriptors: [String: Int] = [:]
    var children = 0
    var threads = 0

    init(of process: Int32) {
        for target in Self.open(in: process) {
            // Code objects are kept for a guest's next address space, up to a limit of their own.
            guard !target.contains("understudy-code") else { continue }
            descriptors[Self.kind(of: target), default: 0] += 1
        }
        let tasks = Proc.entries("/proc/\(process)/task")
        threads = tasks.count
        children = Self.children(of: process).count
    }

    /// What the descriptors of a process lead to.
    private static func open(in process: Int32) -> [String] {
        Proc.entries("/proc/\(process)/fd").compactMap { Proc.link("/proc/\(process)/fd/\($0)") }
    }

    /// The sockets of a process, with their numbers.
    static func sockets(of process: Int32) -> Set<String> {
        Set(open(in: process).filter { $0.hasPrefix("socket:") })
    }

    /// Open memory files.
    var memoryFiles: Int { descriptors.reduce(0) { $0 + ($1.key.contains("memfd") ? $1.value : 0) } }

    /// The children of a process that have not been collected.
    static func children(of process: Int32) -> [Int32] {
        Proc.entries("/proc/\(process)/task").flatMap { task in
            (Proc.text("/proc/\(process)/task/\(task)/children") ?? "").split(separator: " ").compactMap { Int32($0) }
        }.sorted()
    }

    /// Resident memory of its own, in bytes.
    static func privateBytes(of process: Int32) -> UInt64 {
        let lines = (Proc.text("/proc/\(process)/status") ?? "").split(separator: "\n")
        guard let line = lines.first(where: { $0.hasPrefix("RssAnon:") }) else { return 0 }
        return UInt64(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]).map { $0 << 10 } ?? 0
    }

    /// The link's target without numbers.
    private static func kind(of target: String) -> String {
        target.filter { !$0.isNumber }
    }

    var description: String {
        let list = descriptors.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return "\(children) children, \(threads) threads, descriptors: \(list.joined(separator: ", "))"
    }
}

/// Files of `/proc`.
enum Proc {
    static func text(_ path: String) -> String? {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        let file = FileDescriptor(owning: number)
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(file.rawValue, $0.baseAddress, $0.count) }
            guard count > 0 else { break }
            result += buffer[..<count]
        }
        return String(decoding: result, as: UTF8.self)
    }

    static func link(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 512)
        let count = unsafe readlink(path, &buffer, buffer.count)
        guard count >= 0 else { return nil }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func entries(_ path: String) -> [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}
