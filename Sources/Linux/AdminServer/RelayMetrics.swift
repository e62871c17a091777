import Telemetry

/// Metrics of the paths whose relays this host's network agent chooses.
struct RelayMetrics {
    private let groups: [ServerStatus.RelayGroup]

    init(_ groups: [ServerStatus.RelayGroup]) { self.groups = groups }

    func add(to text: inout PrometheusText) {
        guard !groups.isEmpty else { return }
        text.family("namebridge_relay_carries", .gauge, "1 if packets of the path are led to the relay.") {
            for group in groups {
                for relay in group.relays {
                    let value = group.carrying.contains(relay.name) ? 1 : 0
                    $0.add(value, Self.labels(group) + [("relay", relay.name)])
                }
            }
        }
        text.family("namebridge_relay_state", .gauge, "1 for the state that probes through the relay show.") {
            for group in groups {
                for relay in group.relays {
                    for state in ["up", "down", "unknown"] {
                        $0.add(
                            relay.state == state ? 1 : 0,
                            Self.labels(group) + [("relay", relay.name), ("state", state)])
                    }
                }
            }
        }
        text.family("namebridge_relay_moves_total", .counter, "How often packets were led to other relays.") {
            for group in groups { $0.add(group.moves, Self.labels(group)) }
        }
        text.family(
            "namebridge_relay_lost_seconds_total", .counter, "Time without a working relay at such moves."
        ) {
            for group in groups { $0.add(microseconds: group.lostMilliseconds * 1000, Self.labels(group)) }
        }
    }

    /// As many label sets as there are relays of paths in the file.
    private static func labels(_ group: ServerStatus.RelayGroup) -> [(String, String)] {
        [("from", group.from), ("to", group.to)]
    }
}
