import JSON
import NetworkModel

/// The desired state of this host: the last confirmed apply, or the removal after it.
package enum DesiredConfiguration: Hashable, Sendable {
    /// Everything was removed with `net remove`.
    case nothing
    /// A configuration is applied.
    case configuration(AppliedConfiguration)

    /// The configuration; nil if everything is to be removed.
    var applied: AppliedConfiguration? {
        guard case .configuration(let applied) = self else { return nil }
        return applied
    }
}

/// A configuration that was applied to this host.
package struct AppliedConfiguration: Hashable, Sendable {
    /// The absolute path of the file that it was read from.
    package var path: String

    /// The host of the inventory that this host is, as `cluster-or-site/name`.
    package var host: String

    /// True if the host was chosen by name, false if it was found by its addresses.
    package var isChosen: Bool

    /// The file's content.
    package var text: String

    /// Creates a record of an apply.
    package init(path: String, host: String, isChosen: Bool, text: String) {
        self.path = path
        self.host = host
        self.isChosen = isChosen
        self.text = text
    }
}

extension DesiredConfiguration {
    /// The record as JSON.
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

    /// Nil if its version is unknown.
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
