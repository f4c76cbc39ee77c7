/// What is written to the log, and how.
public struct LogSettings: Sendable {
    /// How much a line matters, the least first.
    public enum Level: String, CaseIterable, Sendable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// What a line looks like.
    public enum Format: String, CaseIterable, Sendable {
        /// Lines for people.
        case text
        /// One object in each line.
        case json
    }

    /// The lowest level that is written.
    public var level = Level.info
    public var format = Format.text

    public init() {}

    static let schema = Schema<LogSettings>(fields: [
        .value("level", \.level, .choice("a log level", Level.allCases.map { ($0.rawValue, $0) })),
        .value("format", \.format, .choice("a log format", Format.allCases.map { ($0.rawValue, $0) })),
    ])
}
