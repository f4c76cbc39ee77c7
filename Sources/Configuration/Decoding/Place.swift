/// A key of a file that is being read: where problems with its value are reported.
struct Place {
    let file: FileReading
    /// Such as `guests[2].limits`; empty for the whole file.
    let path: String

    subscript(key: String) -> Place { Place(file: file, path: Shown.path(path, key: key)) }
    subscript(index: Int) -> Place { Place(file: file, path: Shown.path(path, index: index)) }

    /// Whether the file has the key.
    var isGiven: Bool { file.lines[path] != nil }

    /// Remembers where the value stands.
    func found(inLine line: Int) { file.note(line: line, of: path) }

    /// Reports a problem with the value: in its line, or in that of the nearest value around it that the file has.
    func report(_ text: String) {
        var known = path
        while file.lines[known] == nil, let end = known.lastIndex(where: { $0 == "." || $0 == "[" }) {
            known = String(known[..<end])
        }
        file.report(line: file.lines[known] ?? 1, path: path, text)
    }
}
