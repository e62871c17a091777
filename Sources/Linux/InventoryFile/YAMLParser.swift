import CYAML

/// One step of a YAML stream, with its position.
struct YAMLEvent {
    /// The kinds of events.
    enum Kind {
        case streamStart, streamEnd, documentStart, documentEnd
        /// An alias, such as `*NAME`.
        case alias
        /// A scalar with its text.
        case scalar(String)
        case sequenceStart, sequenceEnd, mappingStart, mappingEnd
    }

    /// The kind.
    let kind: Kind
    /// Where it begins.
    let mark: Mark

    /// True if the event carries `&NAME`.
    let hasAnchor: Bool

    /// True if the event carries a tag, as in `!!str`.
    let hasTag: Bool
}

/// libyaml's parser and the text that it reads.
@safe
struct YAMLParser: ~Copyable {
    /// Initialised from `init` to `deinit`.
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    /// The text to parse; it lives as long as the parser.
    private let text: UnsafeMutableBufferPointer<UInt8>

    /// Corresponds to yaml_parser_initialize and yaml_parser_set_input_string.
    init(text octets: [UInt8]) {
        // Sound: both allocations are owned by this value alone and freed in `deinit`; the buffer is
        // initialised whole.
        unsafe text = .allocate(capacity: octets.count)
        _ = unsafe text.initialize(fromContentsOf: octets)
        unsafe parser = .allocate(capacity: 1)
        let isReady = unsafe yaml_parser_initialize(parser)
        precondition(isReady == 1, "out of memory")
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, text.baseAddress, text.count)
    }

    deinit {
        // Sound: `init` made all three, and nothing else frees them.
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// The next event; must not be called after `streamEnd` or an error. Corresponds to yaml_parser_parse.
    mutating func next() throws(YAMLError) -> YAMLEvent {
        // Sound: the parser is initialised, and used by one call at a time.
        guard let event = unsafe OwnedEvent(from: parser) else {
            // Sound: the parser is initialised; its strings are static or live as long as it.
            let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) }
            let mark = unsafe Mark(parser.pointee.problem_mark)
            let context = unsafe parser.pointee.context == nil ? nil : Mark(parser.pointee.context_mark)
            // Sound: the buffer is initialised whole, and copied here.
            let octets = unsafe Array(text)
            throw YAMLMistake(
                problem: problem ?? "out of memory", mark: mark, began: context,
                text: String(decoding: octets, as: UTF8.self)
            ).error
        }
        return event.value
    }
}

/// An event of libyaml; it owns its strings.
@safe
private struct OwnedEvent: ~Copyable {
    /// Libyaml's event.
    private var event = unsafe yaml_event_t()

    /// Nil if the parser stopped at an error.
    init?(from parser: UnsafeMutablePointer<yaml_parser_t>) {
        // Sound: `parser` is initialised by its owner; the call fills `event` or leaves it empty.
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { return nil }
    }

    deinit {
        var event = unsafe event
        // Sound: `init` filled it, and this value alone owns it.
        unsafe yaml_event_delete(&event)
    }

    /// A copy that owns its memory.
    var value: YAMLEvent {
        // Sound: only the member of the union that goes with the type is read, and strings are copied.
        let mark = unsafe Mark(event.start_mark)
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return plain(.streamStart, mark)
        case YAML_DOCUMENT_START_EVENT: return plain(.documentStart, mark)
        case YAML_DOCUMENT_END_EVENT: return plain(.documentEnd, mark)
        case YAML_ALIAS_EVENT: return plain(.alias, mark)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let octets = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe YAMLEvent(
                kind: .scalar(String(decoding: octets, as: UTF8.self)), mark: mark,
                hasAnchor: scalar.anchor != nil, hasTag: scalar.tag != nil)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            return unsafe YAMLEvent(
                kind: .sequenceStart, mark: mark, hasAnchor: start.anchor != nil, hasTag: start.tag != nil)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            return unsafe YAMLEvent(
                kind: .mappingStart, mark: mark, hasAnchor: start.anchor != nil, hasTag: start.tag != nil)
        case YAML_SEQUENCE_END_EVENT: return plain(.sequenceEnd, mark)
        case YAML_MAPPING_END_EVENT: return plain(.mappingEnd, mark)
        default: return plain(.streamEnd, mark)
        }
    }

    /// An event without text, anchor or tag.
    private func plain(_ kind: YAMLEvent.Kind, _ mark: Mark) -> YAMLEvent {
        YAMLEvent(kind: kind, mark: mark, hasAnchor: false, hasTag: false)
    }
}

extension Mark {
    /// libyaml counts from 0.
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
