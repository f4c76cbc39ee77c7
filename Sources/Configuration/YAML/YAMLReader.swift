/// Reads the part of YAML that a configuration needs: one document of mappings, lists and text.
///
/// Anchors, aliases, tags and further documents are refused, so that what a file costs is what it shows. Depth, count
/// and sizes are limited.
struct YAMLReader: ~Copyable {
    /// The most bytes of a document.
    static let maximumBytes = 1 << 20
    /// The most bytes of one key or value.
    static let maximumScalarBytes = 4096
    /// The most values of a document, those that hold others included.
    static let maximumNodes = 1 << 16
    /// How deep values may lie in each other.
    static let maximumDepth = 16

    private var parser: YAMLEventParser
    private var nodeCount = 0

    private init(_ bytes: [UInt8]) throws(YAMLError) {
        parser = try YAMLEventParser(bytes)
    }

    /// The document's value; nothing in it reads as null.
    static func read(_ bytes: [UInt8]) throws(YAMLError) -> YAMLNode {
        guard bytes.count <= maximumBytes else {
            let line = bytes[..<maximumBytes].count { $0 == UInt8(ascii: "\n") } + 1
            throw YAMLError(
                line: line, path: "", problem: "the file has more than \(maximumBytes) bytes")
        }
        var reader = try YAMLReader(bytes)
        return try reader.document()
    }

    private mutating func document() throws(YAMLError) -> YAMLNode {
        var root = YAMLNode(content: .scalar("", isPlain: true), line: 1)
        var documents = 0
        while true {
            let event = try parser.next()
            switch event.kind {
            case .streamEnd: return root
            case .documentStart where documents == 1:
                throw YAMLError(line: event.line, path: "", problem: "a second document begins; allowed: one")
            case .documentStart:
                documents += 1
                let first = try parser.next()
                root = try node(first, path: "", depth: 1)
            default: break
            }
        }
    }

    /// The value that begins with `event`.
    private mutating func node(_ event: YAMLEvent, path: String, depth: Int) throws(YAMLError) -> YAMLNode {
        func refuse(_ problem: String) -> YAMLError { YAMLError(line: event.line, path: path, problem: problem) }
        nodeCount += 1
        guard nodeCount <= Self.maximumNodes else {
            throw refuse("the file has too many values; allowed: \(Self.maximumNodes)")
        }
        guard depth <= Self.maximumDepth else {
            throw refuse("values lie too deep in each other; allowed: \(Self.maximumDepth) levels")
        }
        guard !event.hasAnchor else {
            throw refuse("an anchor (&) is not supported; write the value where it is needed")
        }
        guard !event.hasTag else { throw refuse("a tag (!) is not supported; write the value without it") }
        switch event.kind {
        case .scalar(let text, let isPlain):
            guard text.utf8.count <= Self.maximumScalarBytes else {
                throw refuse("a value of \(text.utf8.count) bytes is too long; allowed: \(Self.maximumScalarBytes)")
            }
            return YAMLNode(content: .scalar(text, isPlain: isPlain), line: event.line)
        case .sequenceStart:
            return YAMLNode(content: .sequence(try elements(path: path, depth: depth)), line: event.line)
        case .mappingStart:
            return YAMLNode(content: .mapping(try pairs(path: path, depth: depth)), line: event.line)
        case .alias:
            throw refuse("an alias (*) is not supported; write the value where it is needed")
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd:
            throw refuse("a value is missing")
        }
    }

    private mutating func elements(path: String, depth: Int) throws(YAMLError) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {
            let event = try parser.next()
            if case .sequenceEnd = event.kind { return elements }
            elements.append(try node(event, path: Shown.path(path, index: elements.count), depth: depth + 1))
        }
    }

    private mutating func pairs(path: String, depth: Int) throws(YAMLError) -> [YAMLPair] {
        var pairs: [YAMLPair] = []
        var lines: [String: Int] = [:]
        while true {
            let event = try parser.next()
            if case .mappingEnd = event.kind { return pairs }
            let key = try node(event, path: path, depth: depth + 1)
            guard case .scalar(let text, _) = key.content else {
                throw YAMLError(line: key.line, path: path, problem: "\(key.shown) is not a key; allowed: text")
            }
            let inner = Shown.path(path, key: text)
            if let first = lines.updateValue(key.line, forKey: text) {
                throw YAMLError(line: key.line, path: inner, problem: "the key is given twice; first in line \(first)")
            }
            let next = try parser.next()
            pairs.append(YAMLPair(key: text, line: key.line, value: try node(next, path: inner, depth: depth + 1)))
        }
    }
}
