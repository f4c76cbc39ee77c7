/// Everything that is wrong with a configuration, at least one thing.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// In the order of the lines, the configuration's own file first.
    public let problems: [ConfigurationProblem]

    /// One line for each problem.
    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// One thing that is wrong with a configuration.
public struct ConfigurationProblem: Hashable, Sendable, CustomStringConvertible {
    /// The file as it was named.
    public let file: String
    /// Counted from 1; nothing where the file could not be read.
    public let line: Int?
    /// The key, such as `guests[2].limits.memory`; empty where no key is at fault.
    public let path: String
    /// What is wrong and, where that can be said, what would be right.
    public let text: String

    /// `FILE:LINE: key.path: 'value' is not …; allowed: …`
    public var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return path.isEmpty ? "\(place): \(text)" : "\(place): \(path): \(text)"
    }
}
