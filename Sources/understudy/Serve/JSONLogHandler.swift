import Linux
import Logging

/// One JSON object a line on standard error: time in seconds since 1970, level, message, and the metadata's fields
/// beside them.
struct JSONLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata = Logger.Metadata()

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let now = WallClock.now
        let milliseconds = String(1000 + now % 1000).dropFirst()
        var line = "{\"time\": \(now / 1000).\(milliseconds), \"level\": \"\(event.level)\", "
        line += "\"message\": \(Self.quoted(event.message.description))"
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        for (key, value) in fields { line += ", \(Self.quoted(key)): \(Self.quoted(value.description))" }
        TextLine.write(line + "}")
    }

    /// A JSON string.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
