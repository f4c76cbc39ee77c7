/// Why bytes are no YAML that is read here.
struct YAMLError: Error, Hashable, Sendable {
    /// Counted from 1.
    let line: Int
    /// The value that it happened in, such as `guests[2].limits`; empty where the text itself is at fault.
    let path: String
    let problem: String
}
