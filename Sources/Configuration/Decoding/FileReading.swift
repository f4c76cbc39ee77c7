/// A file that is being read, and the problems found so far.
final class FileReading {
    /// As it was named.
    let name: String
    let files: any ConfigurationFiles
    /// Whether problems are in a line of it.
    private let hasLines: Bool
    /// Lines of the values that the file has, by path.
    private(set) var lines: [String: Int] = [:]
    private(set) var problems: [ConfigurationProblem] = []

    /// More are counted, not listed.
    private static let maximumProblems = 20

    init(name: String, files: any ConfigurationFiles, hasLines: Bool = true) {
        self.name = name
        self.files = files
        self.hasLines = hasLines
    }

    /// The whole file.
    var root: Place { Place(file: self, path: "") }

    /// Remembers where a value stands.
    func note(line: Int, of path: String) { lines[path] = line }

    /// A path as the file means it: relative paths start in the file's folder.
    func resolve(_ path: String) -> String {
        guard !path.hasPrefix("/"), let slash = name.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(name[...slash]) + path
    }

    /// The file's document; nothing where it is none, which is a problem then.
    func document(_ bytes: [UInt8]) -> YAMLNode? {
        do throws(YAMLError) {
            return try YAMLReader.read(bytes)
        } catch {
            report(line: error.line, path: error.path, error.problem)
            return nil
        }
    }

    func report(line: Int?, path: String, _ text: String) {
        problems.append(ConfigurationProblem(file: name, line: hasLines ? line : nil, path: path, text: text))
    }

    /// Takes over the problems of a file that this one names.
    func takeProblems(of other: FileReading) {
        for problem in other.problems where !problems.contains(problem) { problems.append(problem) }
    }

    /// Throws if there is any problem.
    func finish() throws(ConfigurationError) {
        guard !problems.isEmpty else { return }
        let own = problems.filter { $0.file == name }
        let others = problems.filter { $0.file != name }
        var sorted = own.enumerated().sorted { ($0.element.line ?? 0, $0.offset) < ($1.element.line ?? 0, $1.offset) }
            .map(\.element)
        sorted += others
        if sorted.count > Self.maximumProblems {
            let more = sorted.count - Self.maximumProblems
            sorted.removeLast(more)
            sorted.append(ConfigurationProblem(file: name, line: nil, path: "", text: "and \(more) more problems"))
        }
        throw ConfigurationError(problems: sorted)
    }
}
