import JSON
import NetworkModel

/// What this host shall be kept as: the last apply that was confirmed, or the removal after it.
package enum Wanted: Hashable, Sendable {
    /// Everything was taken off with `net remove`.
    case nothing
    case configuration(AppliedConfiguration)
}

/// A configuration that was applied to this host.
package struct AppliedConfiguration: Hashable, Sendable {
    /// The file that it was read from, from the root.
    package var path: String

    /// Which of its hosts this one is, as `cluster-or-site/name`.
    package var host: String

    /// True where the host was chosen by name, false where its addresses told.
    package var isChosen: Bool

    /// The file's content.
    package var text: String

    package init(path: String, host: String, isChosen: Bool, text: String) {
        self.path = path
        self.host = host
        self.isChosen = isChosen
        self.text = text
    }
}

extension Wanted {
    var json: JSONValue {
        switch self {
        case .nothing: .object(["version": .integer(1), "nothing": .boolean(true)])
        case .configuration(let applied):
            .object([
                "version": .integer(1), "path": .string(applied.path), "host": .string(applied.host),
                "chosen": .boolean(applied.isChosen), "text": .string(applied.text),
            ])
        }
    }

    /// Nil where it is of no known version.
    init?(_ json: JSONValue) {
        guard json["version"] == .integer(1) else { return nil }
        if json["nothing"] == .boolean(true) {
            self = .nothing
            return
        }
        guard let path = json["path"]?.string, let host = json["host"]?.string,
            let isChosen = json["chosen"]?.boolean, let text = json["text"]?.string
        else { return nil }
        self = .configuration(AppliedConfiguration(path: path, host: host, isChosen: isChosen, text: text))
    }
}
