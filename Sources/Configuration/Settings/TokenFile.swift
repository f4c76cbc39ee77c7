import Linux

/// A token that lies in a file of its own, so that the configuration can be shown to others.
enum TokenFile {
    /// Reads the file, if one is named, into a section's token.
    static func read(_ path: String?, into token: inout Secret?, at place: Place) {
        guard let path else { return }
        let own = place["token-file"]
        guard !place["token"].isGiven || token == nil else {
            return own.report("the key is not for a section with a token; allowed: token or token-file")
        }
        do throws(SystemError) {
            var bytes = try own.file.files.read(path, maximum: 1024)
            if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            guard let secret = Secret(bytes) else {
                return own.report("\(Shown.quoted(path)) is not a file with a token; allowed: \(Secret.allowed)")
            }
            token = secret
        } catch {
            own.report("\(Shown.quoted(path)) is not readable (\(error))")
        }
    }
}
