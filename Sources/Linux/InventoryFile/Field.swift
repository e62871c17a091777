import Inventory

/// A value of the file on its way into the model, with its place and the report for its mistakes.
///
/// Each reading function gives nil if the value is wrong, after reporting why.
struct Field {
    /// The value in the tree.
    let node: YAMLNode
    /// Its path.
    let path: InventoryPath
    /// Where mistakes are reported.
    let report: Report

    /// Reports the value as wrong.
    func fail(_ message: String, suggestion: String? = nil) {
        report.fail(at: node.mark, path, message, suggestion: suggestion)
    }

    /// Reports that another value was expected here; a value that was refused already is not reported again.
    func fail(expected: String, suggestion: String? = nil) {
        if case .refused = node.content { return report.distrust(path) }
        fail("found \(node.found), expected \(expected)", suggestion: suggestion)
    }

    /// Reads a scalar of the given kind.
    func read<Value>(_ kind: Scalar<Value>) -> Value? {
        guard case .scalar(let text) = node.content, !text.isEmpty else {
            fail(expected: kind.expected)
            return nil
        }
        switch kind.read(text) {
        case .value(let value): return value
        case .wrong(let expected, let suggestion):
            fail(expected: expected ?? kind.expected, suggestion: suggestion)
            return nil
        }
    }

    /// Reads a list, or the only element of one; elements that are wrong are left out, and their positions
    /// noted.
    func list<Element>(_ read: (Field) -> Element?) -> [Element]? {
        guard case .sequence(let nodes) = node.content else {
            if isOneValue { return read(self).map { [$0] } }
            fail(
                expected: "one value, or a list: [...], or one entry on each line after \"- \"",
                suggestion: listThatWasMeant)
            return nil
        }
        var elements: [Element] = []
        var kept: [Int] = []
        for (index, node) in nodes.enumerated() {
            guard let element = read(Field(node: node, path: path[index], report: report)) else { continue }
            elements.append(element)
            kept.append(index)
        }
        if kept.count < nodes.count { report.note(kept: kept, of: path) }
        return elements
    }

    /// Reads a list of scalars.
    func list<Element>(of kind: Scalar<Element>) -> [Element]? {
        list { $0.read(kind) }
    }

    /// True for a mapping, and for a scalar that is neither empty, nor a null, nor several values in a row.
    private var isOneValue: Bool {
        switch node.content {
        case .scalar(let text): !["", "~", "null"].contains(text) && listThatWasMeant == nil
        case .mapping: true
        case .sequence, .refused: false
        }
    }

    /// The list for a scalar with values in a row, such as `10.0.0.1, 10.0.0.2`; nil if it has only one.
    private var listThatWasMeant: String? {
        guard case .scalar(let text) = node.content else { return nil }
        let values = text.split { $0 == "," || $0 == " " }
        return values.count > 1 ? "[" + values.joined(separator: ", ") + "]" : nil
    }

    /// Reads a mapping whose keys are names that the file gives: every entry is in the result, even with
    /// mistakes in it.
    func entries<Element>(named kind: Scalar<String>, _ read: (String, Field) -> Element) -> [Element]? {
        guard case .mapping(let entries) = node.content else {
            fail(expected: "a mapping: \"name: ...\"")
            return nil
        }
        return entries.map { entry in
            let field = Field(node: entry.value, path: path + entry.key, report: report)
            if case .wrong(let expected, let suggestion) = kind.read(entry.key) {
                report.fail(
                    at: entry.keyMark, field.path,
                    "found \(quoted(entry.key)), expected \(expected ?? kind.expected)",
                    suggestion: suggestion)
            }
            return read(entry.key, field)
        }
    }

    /// Reads a mapping with the keys that `read` asks for; every other key is reported.
    func mapping<Value>(_ read: (inout Keys) -> Value?) -> Value? {
        guard case .mapping(let entries) = node.content else {
            fail(expected: "a mapping: \"key: value\"")
            return nil
        }
        var keys = Keys(entries, of: self)
        let value = read(&keys)
        keys.reportRest()
        return value
    }
}

/// The keys of one mapping, read by name. The keys that are read are the known ones; those that remain
/// are unknown.
struct Keys {
    /// The mapping.
    private let field: Field
    /// Its entries.
    private let entries: [YAMLNode.Entry]
    /// The keys that were read.
    private var known: [String] = []
    /// Known keys that have no effect beside others of the mapping.
    private var refused: [String] = []
    /// Keys of earlier versions, which are reported differently from unknown ones.
    private var removed: [String] = []
    /// Required keys that are missing.
    private var missing: [(key: String, expected: String)] = []

    fileprivate init(_ entries: [YAMLNode.Entry], of field: Field) {
        self.field = field
        self.entries = entries
    }

    /// True if the mapping has `key`.
    func has(_ key: String) -> Bool {
        entries.contains { $0.key == key }
    }

    /// Reads the value of `key` into `target`, which is unchanged if the key is missing or its value wrong.
    mutating func read<Value>(_ key: String, into target: inout Value, _ read: (Field) -> Value?) {
        if let value = value(of: key, read) { target = value }
    }

    /// Reads a scalar into `target`, which is unchanged if the key is missing or its value wrong.
    mutating func read<Value>(_ key: String, into target: inout Value, _ kind: Scalar<Value>) {
        read(key, into: &target) { $0.read(kind) }
    }

    /// Reads a scalar into an optional `target`.
    mutating func read<Value>(_ key: String, into target: inout Value?, _ kind: Scalar<Value>) {
        if let value = value(of: key, { $0.read(kind) }) { target = value }
    }

    /// The value of `key`; nil if the key is missing or its value wrong.
    mutating func value<Value>(of key: String, _ read: (Field) -> Value?) -> Value? {
        if !known.contains(key) { known.append(key) }
        guard let entry = entries.first(where: { $0.key == key }) else { return nil }
        return read(Field(node: entry.value, path: field.path + key, report: field.report))
    }

    /// The value of `key`, whose absence is an error.
    mutating func required<Value>(_ key: String, _ expected: String, _ read: (Field) -> Value?) -> Value? {
        if !has(key) { missing.append((key, expected)) }
        return value(of: key, read)
    }

    /// The scalar at `key`, whose absence is an error.
    mutating func required<Value>(_ key: String, _ kind: Scalar<Value>) -> Value? {
        required(key, kind.expected) { $0.read(kind) }
    }

    /// Reports those of `keys` that are present although they have no effect here.
    mutating func refuse(_ keys: [String], _ reason: String) {
        refused += keys
        for entry in entries where keys.contains(entry.key) {
            field.report.fail(
                at: entry.keyMark, field.path + entry.key, "found \(quoted(entry.key)), \(reason)")
        }
    }

    /// Reports those of `keys` that are present although they no longer have an effect.
    mutating func removed(_ keys: [String], _ reason: String) {
        removed += keys
        for entry in entries where keys.contains(entry.key) {
            field.report.fail(
                at: entry.keyMark, field.path + entry.key, "found \(quoted(entry.key)), \(reason)")
        }
    }

    /// Reports unknown and missing keys. A missing key is not reported if an unknown one is close to it.
    fileprivate func reportRest() {
        let others = refused.filter { !known.contains($0) }
        let list = known.filter { !refused.contains($0) }.joined(separator: ", ")
        for entry in entries where !(known + others + removed).contains(entry.key) {
            let suggestion =
                field.report.isFull ? nil : nearestSpelling(of: entry.key, among: known + others)
            let message = "found the unknown key \(quoted(entry.key)), expected one of: \(list)"
            guard let suggestion else {
                field.report.complain(at: entry.keyMark, field.path + entry.key, message)
                continue
            }
            // The known key that was likely meant is misspelled, not missing.
            field.report.fail(
                at: entry.keyMark, field.path + entry.key, message, suggestion: suggestion)
            field.report.distrust(field.path + suggestion)
        }
        for (key, expected) in missing where !field.report.isDistrusted(field.path + key) {
            field.report.fail(
                at: field.node.mark, field.path + key, "found no \(quoted(key)), expected \(expected)")
        }
    }
}
