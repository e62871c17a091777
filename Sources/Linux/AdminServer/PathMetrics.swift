import PathHealth
import Telemetry
import Time

/// Metrics of the paths that are probed from this host.
struct PathMetrics {
    private let verdicts: [PathVerdict]
    private let now: MonotonicTime

    init(_ verdicts: [PathVerdict], at now: MonotonicTime) {
        self.verdicts = verdicts
        self.now = now
    }

    func add(to text: inout PrometheusText) {
        family(
            "namebridge_path_up", .gauge,
            "1 if probes show that the path carries packets, 0 if not; none while this host can not tell.",
            to: &text
        ) { verdict in
            verdict.state == .unknown ? nil : verdict.state == .up ? 1 : 0
        }
        text.family("namebridge_path_state", .gauge, "1 for the state that the path is in.") {
            for verdict in verdicts {
                for state in PathState.allCases {
                    let value = verdict.state == state ? 1 : 0
                    $0.add(value, Self.labels(verdict) + [("state", state.rawValue)])
                }
            }
        }
        family(
            "namebridge_path_silent_targets", .gauge, "Targets that do not answer although others do.",
            to: &text
        ) {
            $0.silentTargets.count
        }
        family("namebridge_path_changes_total", .counter, "Changes of the path's state.", to: &text) {
            $0.counts.transitions
        }
        text.family("namebridge_path_down_seconds_total", .counter, "Time that the path was down.") {
            for verdict in verdicts {
                $0.add(
                    microseconds: Int(verdict.downNanoseconds(at: now) / 1000), Self.labels(verdict))
            }
        }
        text.family("namebridge_path_probes_total", .counter, "Connections of probes, and what came of them.")
        {
            for verdict in verdicts {
                let labels = Self.labels(verdict)
                $0.add(verdict.counts.answered, labels + [("result", "answered")])
                $0.add(verdict.counts.missed, labels + [("result", "missed")])
                $0.add(verdict.counts.unsent, labels + [("result", "not-sent")])
            }
        }
        text.family("namebridge_path_rtt_seconds", .gauge, "The time to an answer, smoothed.") {
            for verdict in verdicts where verdict.roundTrip > 0 {
                $0.add(microseconds: Int(verdict.roundTrip / 1000), Self.labels(verdict))
            }
        }
    }

    private func family(
        _ name: String, _ kind: PrometheusText.Kind, _ help: String, to text: inout PrometheusText,
        value: (PathVerdict) -> Int?
    ) {
        text.family(name, kind, help) {
            for verdict in verdicts {
                if let value = value(verdict) { $0.add(value, Self.labels(verdict)) }
            }
        }
    }

    /// As many label sets as there are paths in the file.
    private static func labels(_ verdict: PathVerdict) -> [(String, String)] {
        [
            ("from", verdict.path.from), ("to", verdict.path.to),
            ("relays", verdict.path.relays.joined(separator: ",")),
        ]
    }
}
