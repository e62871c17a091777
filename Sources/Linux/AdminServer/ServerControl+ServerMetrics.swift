import DNSServer
import Forwarding
import Telemetry

/// Metrics of the clusters' name servers.
extension ServerControl {
    func addServers(_ text: inout PrometheusText, _ meters: EngineMeters, _ server: DNSServer) {
        let (policy, board) = server.policyAndBoard
        let rows = policy.servers.indices.map { index in
            (
                index: index, health: board.servers[index],
                labels: [
                    ("cluster", policy.groups[policy.groupOfServer[index]].name),
                    ("server", "\(policy.servers[index])"),
                ]
            )
        }
        text.family("namebridge_server_up", .gauge, "1 where the name server answers, 0 where it is dead.") {
            for row in rows { $0.add(row.health.isDead ? 0 : 1, row.labels) }
        }
        text.family("namebridge_server_state", .gauge, "1 for the state that the name server is in.") {
            for row in rows {
                for mode in ServerHealth.Mode.allCases {
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
        text.family("namebridge_server_questions_total", .counter, "Questions sent to the name server.") {
            for row in rows {
                for (event, transport) in [(ServerEvent.askedOverUDP, "udp"), (.askedOverTCP, "tcp")] {
                    $0.add(meters.value(event, row.index), row.labels + [("transport", transport)])
                }
            }
        }
        text.family("namebridge_server_answers_total", .counter, "What the name server answered.") {
            for row in rows {
                for (event, result) in Self.results {
                    $0.add(meters.value(event, row.index), row.labels + [("result", result)])
                }
            }
        }
        text.family(
            "namebridge_answers_straying_total", .counter,
            "Answers with an address outside the prefixes of their cluster."
        ) {
            for row in rows { $0.add(meters.value(.straying, row.index), row.labels) }
        }
        text.family("namebridge_server_failures_total", .counter, "Questions that brought no answer.") {
            for row in rows {
                for (event, reason) in Self.failures {
                    $0.add(meters.value(event, row.index), row.labels + [("reason", reason)])
                }
            }
        }
        text.family(
            "namebridge_server_answer_seconds", .histogram, "From a question to the name server's answer."
        ) {
            for row in rows { $0.add(meters.serverLatency.histogram(row.index), row.labels) }
        }
    }

    private static let results: [(ServerEvent, String)] = [
        (.answered, "answered"), (.declined, "declined"), (.malformed, "malformed"),
    ]

    /// Why a question brought no answer, each with its label.
    static let failures: [(ServerEvent, String)] = [
        (.timeout, "timeout"), (.refused, "refused"), (.unreachable, "unreachable"), (.closed, "closed"),
        (.noSocket, "no-socket"),
    ]
}

extension EngineMeters {
    func value(_ event: ServerEvent, _ server: Int) -> Int {
        serverEvents.value(row: server, column: event.rawValue)
    }

    /// The Extended DNS Errors that were given, by code (IANA, Extended DNS Error Codes).
    var extendedErrorCounts: [(code: String, purpose: String, count: Int)] {
        (0..<Self.errorColumns).compactMap { code in
            let count = extendedErrors.value(row: 0, column: code)
            guard count > 0 else { return nil }
            let isLast = code == Self.errorColumns - 1
            return (isLast ? "other" : "\(code)", ExtendedErrorPurpose.of(code), count)
        }
    }
}

extension AnswerCounts {
    /// One label set and its count.
    struct Cell {
        let view: String
        let cluster: String
        let source: AnswerSource
        let rcode: String
        let count: Int
    }

    /// All counts above 0; what has no view or cluster has an empty name.
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
