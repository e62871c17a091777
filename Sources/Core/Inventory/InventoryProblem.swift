/// A contradiction inside an inventory, or something in it that is likely a mistake.
package struct InventoryProblem: Hashable, Sendable {
    /// Error or warning.
    package var severity: Severity

    /// The place of the wrong value.
    package var path: InventoryPath

    /// The other value that it contradicts, if there is one.
    package var other: InventoryPath?

    /// True if the key at the end of `path` is wrong, not its value.
    package var isAboutKey: Bool

    /// What was found, what was expected and what to do, in one line.
    package var message: String

    /// The nearest right spelling, if there is one.
    package var suggestion: String?

    /// Creates an inventory problem.
    package init(
        _ severity: Severity, at path: InventoryPath, and other: InventoryPath? = nil,
        isAboutKey: Bool = false, _ message: String, suggestion: String? = nil
    ) {
        self.severity = severity
        self.path = path
        self.other = other
        self.isAboutKey = isAboutKey
        self.message = message
        self.suggestion = suggestion
    }
}

/// Whether the file can be used despite the problem.
package enum Severity: String, Hashable, Sendable {
    case error, warning
}

/// A place inside the inventory, as in `clusters.prod.pods[1]`; the spelling is that of the file's keys.
package struct InventoryPath: Hashable, Sendable {
    /// One step downwards.
    package enum Step: Hashable, Sendable {
        /// The value of a key.
        case key(String)
        /// An element of a list.
        case index(Int)
    }

    /// From the root downwards; empty for the whole file.
    package var steps: [Step]

    /// Creates an inventory path.
    package init(_ steps: [Step] = []) {
        self.steps = steps
    }

    /// The place of the value of `key` inside of `path`.
    package static func + (path: InventoryPath, key: String) -> InventoryPath {
        InventoryPath(path.steps + [.key(key)])
    }

    /// True if `self` is `other` or a place inside it.
    package func isAtOrInside(_ other: InventoryPath) -> Bool {
        steps.starts(with: other.steps)
    }

    /// The place of an element of the list at this path.
    package subscript(index: Int) -> InventoryPath {
        InventoryPath(steps + [.index(index)])
    }
}

extension InventoryPath: CustomStringConvertible {
    /// On one line; a key that no valid file has is in quotation marks.
    package var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key): text += (text.isEmpty ? "" : ".") + Self.shown(key)
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }

    /// Keys come from the file and may hold any text.
    private static func shown(_ key: String) -> String {
        let isWord = (1...253).contains(key.utf8.count) && key.utf8.allSatisfy { (0x21..<0x7F).contains($0) }
        return isWord ? key : quoted(key)
    }
}

extension InventoryPath: ExpressibleByStringLiteral {
    /// A single key below the root.
    package init(stringLiteral key: String) {
        self.init([.key(key)])
    }
}
