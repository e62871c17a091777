package import JSON

/// Whether a server can answer questions of clusters: at least one name server answers.
package struct Readiness: Hashable, Sendable {
    package let isReady: Bool

    /// Why, one line for each server.
    let lines: [String]

    /// - Parameter groups: Of the server's status.
    init(_ groups: [ServerStatus.Group]) {
        isReady = groups.contains { $0.servers.contains { !$0.isDown } }
        guard !isReady else {
            lines = ["ready"]
            return
        }
        let reasons = groups.flatMap { group in
            group.servers.map {
                "\(group.name): \($0.address) is \($0.state) (\($0.lastError ?? "no reason known"))"
            }
        }
        lines = ["no cluster can be asked"] + (reasons.isEmpty ? ["no name server is configured"] : reasons)
    }

    var json: JSONValue {
        .object([("ready", .boolean(isReady)), ("reasons", .array(lines.map { .string($0) }))])
    }

    /// Parses what `json` wrote.
    package init(json: JSONValue) {
        isReady = json["ready"]?.boolean ?? false
        lines = JSONValue.strings(json["reasons"])
    }

    /// Why it is not ready, in one line; empty if it is.
    package var cause: String { isReady ? "" : lines.joined(separator: "; ") }
}

extension ServerControl {
    /// Whether this server can answer.
    var readiness: Readiness { Readiness(groupStates) }
}
