import Inventory

/// A position in the text, both numbers counted from 1; the column in characters.
struct Mark: Hashable, Comparable {
    /// From 1.
    var line: Int
    /// In characters, from 1.
    var column: Int

    static func < (left: Mark, right: Mark) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// A value of a YAML file with its position.
struct YAMLNode {
    /// Where the value begins.
    let mark: Mark
    /// The value itself.
    let content: Content

    /// The kinds of values.
    enum Content {
        /// A scalar's text.
        case scalar(String)
        /// The elements of a list.
        case sequence([YAMLNode])
        /// The entries of a mapping, in the order of the file.
        case mapping([Entry])
        /// Refused while the tree was built, and reported there.
        case refused
    }

    /// A key and its value.
    struct Entry {
        /// The key's text.
        let key: String
        /// Where the key begins.
        let keyMark: Mark
        /// The value.
        let value: YAMLNode
    }

    /// The kind of value, for messages.
    var found: String {
        switch content {
        case .scalar(""): "nothing"
        case .scalar(let text): quoted(text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .refused: "a refused value"
        }
    }

    /// The position of the value at `steps` below; if the path leaves the file, of the last value in it.
    ///
    ///     The position of a list or mapping under a key is that of the key.
    func mark(at steps: ArraySlice<InventoryPath.Step>) -> Mark {
        guard let step = steps.first else { return mark }
        let rest = steps.dropFirst()
        switch (step, content) {
        case (.index(let index), .sequence(let elements)) where elements.indices.contains(index):
            return elements[index].mark(at: rest)
        case (.key(let key), .mapping(let entries)):
            guard let entry = entries.first(where: { $0.key == key }) else { return mark }
            if case .scalar = entry.value.content { return entry.value.mark }
            // Deeper steps that are not in the file fall back to the key too, not to the first key below it.
            let found = entry.value.mark(at: rest)
            return found == entry.value.mark && !entry.value.holds(rest) ? entry.keyMark : found
        default:
            return mark
        }
    }

    /// True if the first of `steps` leads to a value.
    private func holds(_ steps: ArraySlice<InventoryPath.Step>) -> Bool {
        switch (steps.first, content) {
        case (.index(let index), .sequence(let elements)): elements.indices.contains(index)
        case (.key(let key), .mapping(let entries)): entries.contains { $0.key == key }
        default: false
        }
    }
}

/// Text that is not YAML, or YAML that a configuration may not use.
struct YAMLError: Error {
    /// Where the mistake is.
    let mark: Mark
    /// The path of the value, if it is known.
    var path = InventoryPath()
    /// What was found and what was expected.
    let message: String
}
