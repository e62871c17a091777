import Forwarding
import Telemetry

/// Metrics of the clusters' name servers.
struct ServerMetrics {
    /// With more name servers than this, each has only its state and the counts above 0; latencies are given
    /// for all together, with empty labels. So a page of 2,000 clusters stays below 2 MiB.
    static let mostDetailed = 256

    /// The name servers with their labels.
    private let rows: [(index: Int, health: ServerHealth, labels: [(String, String)])]
    /// The counts.
    private let meters: EngineMeters
    /// True if each server has all its metrics.
    private var isDetailed: Bool { rows.count <= Self.mostDetailed }

    /// - Parameter meters: In the rows of `policy`.
    init(_ meters: EngineMeters, _ policy: ForwardingPolicy, _ board: HealthBoard) {
        self.meters = meters
        rows = policy.servers.indices.map { index in
            let group = policy.groups[policy.groupOfServer[index]].name
            let labels = [("cluster", group), ("server", "\(policy.servers[index])")]
            return (index, board.servers[index], labels)
        }
    }

    /// Adds the metrics of all name servers.
    func add(to text: inout PrometheusText) {
        addStates(to: &text)
        addCounts(
            "namebridge_server_questions_total", "Questions sent to the name server.", label: "transport",
            events: [(.askedOverUDP, "udp"), (.askedOverTCP, "tcp")], to: &text)
        addCounts(
            "namebridge_server_answers_total", "What the name server answered.", label: "result",
            events: [(.answered, "answered"), (.declined, "declined"), (.malformed, "malformed")], to: &text)
        text.family(
            "namebridge_answers_straying_total", .counter,
            "Answers with an address outside the prefixes of their cluster."
        ) {
            for row in rows {
                let count = meters.value(.straying, row.index)
                if isDetailed || count > 0 { $0.add(count, row.labels) }
            }
        }
        text.family(
            "namebridge_answers_unmatched_total", .counter,
            "Messages in the name server's name that match no question."
        ) {
            for row in rows where isDetailed || row.health.unmatched.count > 0 {
                $0.add(row.health.unmatched.count, row.labels)
            }
        }
        addCounts(
            "namebridge_server_failures_total", "Questions that brought no answer.", label: "reason",
            events: Self.failures, to: &text)
        text.family(
            "namebridge_server_answer_seconds", .histogram, "From a question to the name server's answer."
        ) {
            guard isDetailed else {
                return $0.add(meters.serverLatency.total, [("cluster", ""), ("server", "")])
            }
            for row in rows { $0.add(meters.serverLatency.histogram(row.index), row.labels) }
        }
    }

    /// Adds the metrics of servers' states.
    private func addStates(to text: inout PrometheusText) {
        text.family("namebridge_server_up", .gauge, "1 where the name server answers, 0 where it is dead.") {
            for row in rows { $0.add(row.health.isDead ? 0 : 1, row.labels) }
        }
        text.family("namebridge_server_state", .gauge, "1 for the state that the name server is in.") {
            for row in rows {
                for mode in ServerHealth.Mode.allCases where isDetailed || row.health.mode == mode {
                    $0.add(row.health.mode == mode ? 1 : 0, row.labels + [("state", mode.label)])
                }
            }
        }
        text.family("namebridge_server_rtt_seconds", .gauge, "The round-trip time that probes saw, smoothed.")
        {
            for row in rows where row.health.roundTrip > 0 {
                $0.add(microseconds: Int(row.health.roundTrip / 1000), row.labels)
            }
        }
    }

    /// Adds a counter of events, each under a value of `label`.
    private func addCounts(
        _ name: String, _ help: String, label: String, events: [(ServerEvent, String)],
        to text: inout PrometheusText
    ) {
        text.family(name, .counter, help) {
            for row in rows {
                for (event, value) in events {
                    let count = meters.value(event, row.index)
                    if isDetailed || count > 0 { $0.add(count, row.labels + [(label, value)]) }
                }
            }
        }
    }

    /// The reasons for a question without an answer, each with its label.
    static let failures: [(ServerEvent, String)] = [
        (.timeout, "timeout"), (.refused, "refused"), (.unreachable, "unreachable"), (.closed, "closed"),
        (.unsent, "not-sent"),
    ]
}

extension EngineMeters {
    /// The count of an event at a server.
    func value(_ event: ServerEvent, _ server: Int) -> Int {
        serverEvents.value(row: server, column: event.rawValue)
    }

    /// The Extended DNS Errors that were sent, by code (IANA, Extended DNS Error Codes).
    var extendedErrorCounts: [(code: String, purpose: String, count: Int)] {
        (0..<ReplyMeters.errorColumns).compactMap { code in
            let count = extendedErrors.value(row: 0, column: code)
            guard count > 0 else { return nil }
            let isLast = code == ReplyMeters.errorColumns - 1
            return (isLast ? "other" : "\(code)", ExtendedErrorPurpose.of(code), count)
        }
    }
}

extension AnswerCounts {
    /// One label set and its count.
    struct Cell {
        /// The view's name.
        let view: String
        /// The cluster's key.
        let cluster: String
        /// Where the replies came from.
        let source: AnswerSource
        /// The response code's name.
        let rcode: String
        /// The number of replies.
        let count: Int
    }

    /// All counts above 0; a count without view or cluster has an empty name.
    func cells(of policy: ForwardingPolicy) -> [Cell] {
        var cells: [Cell] = []
        for view in 0..<min(views, policy.views.count + 1) {
            for cluster in 0..<min(clusters, policy.clusterNames.count) {
                for source in AnswerSource.allCases {
                    for (column, rcode) in ResponseCodeColumn.names.enumerated() {
                        let count = value(source, column: column, view: view, cluster: cluster)
                        guard count > 0 else { continue }
                        cells.append(
                            Cell(
                                view: view == 0 ? "" : policy.views[view - 1].name,
                                cluster: policy.clusterNames[cluster], source: source, rcode: rcode,
                                count: count))
                    }
                }
            }
        }
        return cells
    }
}

extension ServerHealth.Mode {
    /// In metrics.
    var label: String {
        switch self {
        case .full: "full"
        case .withoutEDNS: "without-edns"
        case .onlyTCP: "tcp-only"
        case .dead: "dead"
        case .looping: "looping"
        }
    }
}
