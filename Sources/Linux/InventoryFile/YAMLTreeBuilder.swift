import Inventory

/// Builds the tree of one document and refuses YAML that a configuration may not use.
struct YAMLTreeBuilder: ~Copyable {
    /// Levels of lists and mappings inside each other; the deepest setting has 6.
    static let maximumDepth = 32

    /// Values in one file; ten clusters of a hundred nodes need some ten thousand.
    static let maximumCount = 250_000

    /// Gives the events.
    private var parser: YAMLParser
    /// Values read so far.
    private var count = 0

    /// The path of the value that is being read.
    private var path: [InventoryPath.Step] = []

    /// Anchors, aliases, tags, keys that are not text, duplicate keys: reported while the rest is read.
    private(set) var refused: [YAMLError] = []

    init(text: [UInt8]) {
        parser = YAMLParser(text: text)
    }

    /// Reads the whole text.
    ///
    /// - Throws: The error that stops reading before the end.
    mutating func build() throws(YAMLError) -> YAMLNode {
        var root: YAMLNode?
        while true {  // ends: libyaml reports the end of the stream or an error
            let event = try parser.next()
            switch event.kind {
            case .streamEnd:
                return root ?? YAMLNode(mark: Mark(line: 1, column: 1), content: .scalar(""))
            case .documentStart where root != nil:
                refuse(event.mark, "found a second document (\"---\"), expected one for each file")
                return root ?? YAMLNode(mark: event.mark, content: .refused)
            case .streamStart, .documentStart, .documentEnd: continue
            default: root = try node(event, depth: 1)
            }
        }
    }

    /// Adds an error that does not end the reading.
    private mutating func refuse(_ mark: Mark, _ message: String) {
        // A file with nothing but aliases must not fill the memory with messages.
        if refused.count <= Report.maximumCount {
            refused.append(YAMLError(mark: mark, path: InventoryPath(path), message: message))
        }
    }

    /// Builds the value that begins with `event`.
    private mutating func node(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> YAMLNode {
        count += 1
        guard count <= Self.maximumCount else {
            throw YAMLError(
                mark: event.mark, message: "found more than \(Self.maximumCount) values, expected fewer")
        }
        guard depth <= Self.maximumDepth else {
            throw YAMLError(
                mark: event.mark, message: "found more than \(Self.maximumDepth) levels inside each other")
        }
        refuseAdornments(of: event)
        switch event.kind {
        case .scalar(let text): return YAMLNode(mark: event.mark, content: .scalar(text))
        case .sequenceStart: return YAMLNode(mark: event.mark, content: .sequence(try elements(depth: depth)))
        case .mappingStart: return YAMLNode(mark: event.mark, content: .mapping(try entries(depth: depth)))
        default: return YAMLNode(mark: event.mark, content: .refused)
        }
    }

    /// Refuses aliases, anchors and tags.
    private mutating func refuseAdornments(of event: YAMLEvent) {
        if case .alias = event.kind {
            refuse(
                event.mark,
                "found an alias (\"*\"), expected the value itself: quote it if it begins with \"*\"")
        }
        if event.hasAnchor {
            refuse(
                event.mark,
                "found an anchor (\"&\"), expected a plain value: quote it if it begins with \"&\"")
        }
        if event.hasTag {
            refuse(
                event.mark, "found a tag (\"!\"), expected a plain value: quote it if it begins with \"!\"")
        }
    }

    /// Builds the elements of a list.
    private mutating func elements(depth: Int) throws(YAMLError) -> [YAMLNode] {
        var elements: [YAMLNode] = []
        while true {  // ends: libyaml closes every list or reports an error
            let event = try parser.next()
            if case .sequenceEnd = event.kind { return elements }
            path.append(.index(elements.count))
            elements.append(try node(event, depth: depth + 1))
            path.removeLast()
        }
    }

    /// Builds the entries of a mapping.
    private mutating func entries(depth: Int) throws(YAMLError) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var known: [String: Mark] = [:]
        while true {  // ends: libyaml closes every mapping or reports an error
            let event = try parser.next()
            if case .mappingEnd = event.kind { return entries }
            let key = try node(event, depth: depth + 1)
            guard case .scalar(let text) = key.content else {
                refuse(key.mark, "found a list, mapping or alias as a key, expected a word")
                _ = try node(try parser.next(), depth: depth + 1)
                continue
            }
            path.append(.key(text))
            if let first = known[text] {
                refuse(key.mark, "found this key a second time, expected each once; the first is at \(first)")
            }
            let value = try node(try parser.next(), depth: depth + 1)
            path.removeLast()
            if known.updateValue(key.mark, forKey: text) == nil {
                entries.append(YAMLNode.Entry(key: text, keyMark: key.mark, value: value))
            }
        }
    }
}

extension Mark: CustomStringConvertible {
    var description: String { "line \(line), column \(column)" }
}
