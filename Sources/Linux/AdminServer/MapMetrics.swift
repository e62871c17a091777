import IPAddressing
import Inventory
import Telemetry

/// Metrics of the clusters that have outer addresses.
struct MapMetrics {
    private let mapped: [Cluster]
    /// For each cluster that this host translates the packets so far.
    private let translated: [String: Int]

    init(_ inventory: Inventory, translated: [String: Int]) {
        mapped = inventory.clusters.filter(\.isMapped)
        self.translated = translated
    }

    func add(to text: inout PrometheusText) {
        guard !mapped.isEmpty else { return }
        if mapped.reduce(0, { $0 + $1.addressMap.pairs.count }) <= ServerMetrics.mostDetailed {
            text.family(
                "namebridge_cluster_map_info", .gauge,
                "The ranges of a cluster's addresses inside and outside of it; always 1."
            ) { family in
                for cluster in mapped {
                    for pair in cluster.addressMap.pairs {
                        family.add(1, Self.labels(cluster, pair))
                    }
                }
            }
        }
        text.family(
            "namebridge_translated_packets_total", .counter,
            "Packets that this host has translated between a cluster's inner and outer addresses."
        ) { family in
            for cluster in mapped {
                if let count = translated[cluster.key] { family.add(count, [("cluster", cluster.key)]) }
            }
        }
    }

    private static func labels(_ cluster: Cluster, _ pair: PrefixPair) -> [(String, String)] {
        [("cluster", cluster.key), ("inner", "\(pair.inner)"), ("outer", "\(pair.outer)")]
    }
}
