import Linux

/// What /proc says of a process's memory.
enum ProcessMemory {
    /// Resident KiB.
    static func resident(_ process: Int32) throws -> UInt64 {
        let text = try TextFile.read("/proc/\(process)/status")
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmRSS:") }),
            let number = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
        else { throw BenchError("no VmRSS of process \(process)") }
        return number
    }

    /// Resident KiB of the largest child: the workers are the server's only children.
    static func residentOfLargestChild(_ process: Int32) throws -> UInt64 {
        let children = try TextFile.read("/proc/\(process)/task/\(process)/children")
        let sizes = children.split(separator: " ").compactMap { Int32($0) }.compactMap { try? resident($0) }
        guard let largest = sizes.max() else { throw BenchError("the server has no worker") }
        return largest
    }
}
