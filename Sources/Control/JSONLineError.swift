/// Why a line is not what was expected.
public struct JSONLineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// One line, for whoever wrote the other one.
    public let description: String

    init(_ error: any Error) {
        guard let error = error as? DecodingError else {
            description = "\(error)"
            return
        }
        switch error {
        case .dataCorrupted(let context): description = Self.text("", context)
        case .keyNotFound(let key, _): description = "the key '\(key.stringValue)' is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            description = Self.text("wrong type: ", context)
        @unknown default: description = "\(error)"
        }
    }

    private static func text(_ prefix: String, _ context: DecodingError.Context) -> String {
        guard let key = context.codingPath.last?.stringValue else { return prefix + context.debugDescription }
        return "'\(key)': \(prefix)\(context.debugDescription)"
    }
}
