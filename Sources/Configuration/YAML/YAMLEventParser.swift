internal import CLibyaml

/// What libyaml finds next in a document.
struct YAMLEvent {
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        case alias
        case scalar(String, isPlain: Bool)
        case sequenceStart, sequenceEnd
        case mappingStart, mappingEnd
    }

    let kind: Kind
    /// Counted from 1.
    let line: Int
    let hasAnchor: Bool
    let hasTag: Bool
}

/// libyaml's parser over bytes in memory. Everything unsafe about it is in this file.
@safe
struct YAMLEventParser: ~Copyable {
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    /// Starts on a copy of `bytes`, which must be UTF-8.
    init(_ bytes: [UInt8]) throws(YAMLError) {
        // SAFETY: both allocations belong to this value alone, which cannot be copied; deinit frees them after the
        // parser, the only one with pointers into the input.
        let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            throw YAMLError(line: 1, path: "", problem: "there is no memory for the parser")
        }
        let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = unsafe input.initialize(fromContentsOf: bytes)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
        unsafe self.parser = unsafe parser
        unsafe self.input = unsafe input
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// The next event. None may be asked for after the end of the stream or an error.
    mutating func next() throws(YAMLError) -> YAMLEvent {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw error }
        // SAFETY: the event is complete once the call has succeeded. Its strings are copied before it is deleted, and
        // of the union only the member that belongs to its type is read.
        defer { unsafe yaml_event_delete(&event) }
        let line = unsafe event.start_mark.line + 1
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT:
            return YAMLEvent(kind: .streamStart, line: line, hasAnchor: false, hasTag: false)
        case YAML_DOCUMENT_START_EVENT:
            return YAMLEvent(kind: .documentStart, line: line, hasAnchor: false, hasTag: false)
        case YAML_DOCUMENT_END_EVENT:
            return YAMLEvent(kind: .documentEnd, line: line, hasAnchor: false, hasTag: false)
        case YAML_ALIAS_EVENT:
            return YAMLEvent(kind: .alias, line: line, hasAnchor: false, hasTag: false)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            return unsafe YAMLEvent(
                kind: .scalar(text, isPlain: isPlain), line: line, hasAnchor: scalar.anchor != nil,
                hasTag: scalar.tag != nil)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return unsafe YAMLEvent(
                kind: .sequenceStart, line: line, hasAnchor: start.anchor != nil, hasTag: start.tag != nil)
        case YAML_SEQUENCE_END_EVENT:
            return YAMLEvent(kind: .sequenceEnd, line: line, hasAnchor: false, hasTag: false)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return unsafe YAMLEvent(
                kind: .mappingStart, line: line, hasAnchor: start.anchor != nil, hasTag: start.tag != nil)
        case YAML_MAPPING_END_EVENT:
            return YAMLEvent(kind: .mappingEnd, line: line, hasAnchor: false, hasTag: false)
        default:
            return YAMLEvent(kind: .streamEnd, line: line, hasAnchor: false, hasTag: false)
        }
    }

    /// What the parser says after a failure.
    private var error: YAMLError {
        // SAFETY: after a failure the texts are null or constants of the library, and the parser is alive.
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "there is no memory for it"
        let context = unsafe parser.pointee.context.map { unsafe String(cString: $0) }
        let line: Int
        if unsafe parser.pointee.error == YAML_READER_ERROR {
            // The reader knows the byte only; it runs ahead of the marks.
            let offset = unsafe min(parser.pointee.problem_offset, input.count)
            line = unsafe input[..<offset].count { $0 == UInt8(ascii: "\n") } + 1
        } else {
            line = unsafe parser.pointee.problem_mark.line + 1
        }
        let text = context.map { "\(problem) \($0)" } ?? problem
        return YAMLError(line: line, path: "", problem: text)
    }
}
