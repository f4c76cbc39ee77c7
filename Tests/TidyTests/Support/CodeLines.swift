/// A Swift file's lines without its comments and without what stands in its string literals.
struct CodeLines {
    private(set) var lines: [String] = []
    private var line: [UInt8] = []

    private enum Place: Equatable {
        case code
        case lineComment
        case blockComment(depth: Int)
        case string(hashes: Int, isMultiline: Bool)
    }

    init(_ text: String) {
        let bytes = Array(text.utf8)
        var place = Place.code
        var index = 0
        while index < bytes.count {
            let rest = bytes[index...]
            if bytes[index] == UInt8(ascii: "\n") {
                endLine()
                if place == .lineComment || place == .string(hashes: 0, isMultiline: false) { place = .code }
                index += 1
                continue
            }
            switch place {
            case .code:
                index += readCode(rest, &place)
            case .lineComment:
                index += 1
            case .blockComment(let depth):
                if rest.starts(with: "/*".utf8) {
                    place = .blockComment(depth: depth + 1)
                    index += 2
                } else if rest.starts(with: "*/".utf8) {
                    place = depth == 1 ? .code : .blockComment(depth: depth - 1)
                    index += 2
                } else {
                    index += 1
                }
            case .string(let hashes, let isMultiline):
                index += readString(rest, hashes, isMultiline, &place)
            }
        }
        endLine()
    }

    private mutating func endLine() {
        lines.append(String(decoding: line, as: UTF8.self))
        line = []
    }

    /// Takes one piece of code and says how long it was.
    private mutating func readCode(_ rest: ArraySlice<UInt8>, _ place: inout Place) -> Int {
        if rest.starts(with: "//".utf8) {
            place = .lineComment
            return 2
        }
        if rest.starts(with: "/*".utf8) {
            place = .blockComment(depth: 1)
            return 2
        }
        let hashes = rest.prefix { $0 == UInt8(ascii: "#") }.count
        let quoted = rest.dropFirst(hashes)
        if quoted.starts(with: "\"".utf8) {
            let isMultiline = quoted.starts(with: "\"\"\"".utf8)
            line.append(UInt8(ascii: "\""))
            place = .string(hashes: hashes, isMultiline: isMultiline)
            return hashes + (isMultiline ? 3 : 1)
        }
        line.append(rest[rest.startIndex])
        return 1
    }

    /// Skips one piece of a literal and says how long it was.
    private mutating func readString(
        _ rest: ArraySlice<UInt8>, _ hashes: Int, _ isMultiline: Bool, _ place: inout Place
    ) -> Int {
        if hashes == 0, rest.first == UInt8(ascii: "\\") {
            // An escaped line end stays a line end.
            return rest.dropFirst().first == UInt8(ascii: "\n") ? 1 : 2
        }
        let quotes = isMultiline ? 3 : 1
        let end =
            Array(repeating: UInt8(ascii: "\""), count: quotes) + Array(repeating: UInt8(ascii: "#"), count: hashes)
        guard rest.starts(with: end) else { return 1 }
        line.append(UInt8(ascii: "\""))
        place = .code
        return end.count
    }
}
