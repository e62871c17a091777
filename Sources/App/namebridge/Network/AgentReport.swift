import AdminServer
import JSON
import NetworkKernel

/// The agent's part of `net status`.
struct AgentReport {
    /// Nil if there was no agent since the host's start.
    let status: AgentStatus?
    /// True if its process is alive.
    let isRunning: Bool

    /// Nil if there was no agent since the host's start.
    ///
    /// - Parameter now: Seconds since 1970.
    func line(now: Int) -> String? {
        guard let status else { return isRunning ? "agent: running" : nil }
        var parts = [
            isRunning ? "agent: running" : status.isRunning ? "agent: died" : "agent: ended",
            "\(status.healed) healed in \(status.repairs) turns",
        ]
        if let loss = status.lastLoss {
            var text = "last: \(Self.age(now - loss.time)) ago, \(loss.objects.first ?? "")"
            if loss.objects.count > 1 { text += " and \(loss.objects.count - 1) more" }
            if let milliseconds = loss.milliseconds { text += ", back after \(milliseconds) ms" }
            if let suspicion = loss.suspicion { text += ", likely \(suspicion)" }
            parts.append(text)
        }
        if !status.contested.isEmpty {
            parts.append("contested: " + status.contested.joined(separator: ", "))
        }
        if !status.silent.isEmpty { parts.append("silent: " + status.silent.joined(separator: ", ")) }
        if !status.obstacles.isEmpty {
            parts.append("in the way: " + status.obstacles.joined(separator: ", "))
        }
        if let trouble = status.trouble { parts.append("trouble: \(trouble)") }
        return parts.joined(separator: "; ")
    }

    /// One line for each path whose relays the agent chooses.
    ///
    /// - Parameter now: Seconds since 1970.
    func relayLines(now: Int) -> [String] {
        let state = isRunning ? "" : "; no agent watches it"
        return groups.map { "relays of \($0.path): \($0.words(now: now))\(state)" }
    }

    private var groups: [ServerStatus.RelayGroup] {
        (status?.json["relays"]?.elements ?? []).compactMap(ServerStatus.RelayGroup.init(json:))
    }

    /// The report for programs.
    var json: JSONValue {
        guard let status else { return .object([("running", .boolean(isRunning))]) }
        var last: JSONValue = .null
        if let loss = status.lastLoss {
            last = .object([
                ("time", .integer(loss.time)), ("objects", .array(loss.objects.map { .string($0) })),
                ("milliseconds", loss.milliseconds.map { .integer($0) } ?? .null),
                ("by", loss.suspicion.map { .string($0) } ?? .null),
            ])
        }
        return .object([
            ("running", .boolean(isRunning)), ("process", .integer(status.process)),
            ("started", .integer(status.started)), ("wanted", .integer(status.desired)),
            ("present", .integer(status.present)), ("healed", .integer(status.healed)),
            ("repairs", .integer(status.repairs)), ("failures", .integer(status.failures)),
            ("contested", .array(status.contested.map { .string($0) })),
            ("silent", .array(status.silent.map { .string($0) })),
            ("obstacles", .array(status.obstacles.map { .string($0) })),
            ("trouble", status.trouble.map { .string($0) } ?? .null), ("last-loss", last),
            ("relays", .array(groups.map(\.json))),
        ])
    }

    /// As in `5 s`, `3 min`, `2 h`.
    private static func age(_ seconds: Int) -> String {
        switch max(0, seconds) {
        case let few where few < 120: "\(few) s"
        case let some where some < 7200: "\(some / 60) min"
        case let many: "\(many / 3600) h"
        }
    }
}
