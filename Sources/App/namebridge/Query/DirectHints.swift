import ClusterDiscovery
import DomainNames
import IPAddressing
import Inventory

/// What to ask in place of a question to one server that found nothing, by a configuration: each hint is a
/// sentence.
struct DirectHints {
    /// The server that was asked.
    let server: Endpoint
    /// The configuration of this host.
    let inventory: Inventory

    /// Empty if the answer needs none.
    func hints(for name: DomainName, _ answer: QueryAnswer?) -> [String] {
        guard answer?.answers.isEmpty ?? true else { return [] }
        let clusters = inventory.clusters.filter { $0.dns.contains(server) }
        if clusters.isEmpty {
            let isOurs = inventory.dns.listen.contains {
                $0.port == server.port && ($0.address.isUnspecified || $0.address == server.address)
            }
            if isOurs { return [] }
            return [
                "\(server.shortText) is no server of a cluster in the configuration; without @SERVER its"
                    + " rules say which server is asked"
            ]
        }
        return clusters.compactMap { cluster in
            innerName(of: name, in: cluster).map {
                "\(server.shortText) is a server of \(cluster.key) itself, which knows this name as \($0)"
            }
        }
    }

    /// What the cluster itself calls a name that clients of Namebridge use; nil if it is the same.
    private func innerName(of name: DomainName, in cluster: Cluster) -> DomainName? {
        let suffix = cluster.names.filter { name.isAtOrBelow($0) }.max { $0.labels.count < $1.labels.count }
        guard let suffix, suffix != cluster.domain else { return nil }
        let labels = Array(name.labels.dropLast(suffix.labels.count)) + cluster.domain.labels
        return try? DomainName(labels: labels)
    }
}
