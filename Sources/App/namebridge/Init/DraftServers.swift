import ClusterDiscovery
import Diagnosis
import DomainNames
import IPAddressing
import Inventory

/// The DNS servers that a person or a resolver's rule has named for clusters: asked what only a cluster's DNS
/// knows, since a wrong address that answers would be noticed only once names are missing.
enum DraftServers {
    /// Says of each server what it shows of itself, on standard error: three seconds for each domain at most.
    static func report(on clusters: [DraftCluster]) {
        for server in clusters.flatMap(\.dns) {
            guard let warning = OwnResolver(at: server).warning(of: server) else { continue }
            printError(Style.warning.paint("namebridge: warning: \(warning)"))
        }
        for domain in Set(clusters.map(\.domain)).sorted(by: { $0.description < $1.description }) {
            let asked = clusters.filter { $0.domain == domain }
            var random = SystemRandomNumberGenerator()
            let writer = ProbeQuestions(suffix: domain, name: ServedCluster.kubernetes(below: domain))
            let outcomes = Interrogation.ask(
                Set(asked.flatMap(\.dns)).flatMap {
                    writer.questions(ServedCluster.probes, to: $0, random: &random)
                })
            for cluster in asked {
                for server in cluster.dns {
                    let seen = ServerObservation(server: server, outcomes: outcomes[server] ?? [:])
                    let served = ServedCluster(seen, domain: domain)
                    let words = "\(cluster.key): \(served.words(address: server.shortText, domain: domain))"
                    if case .cluster = served {
                        printError(words)
                    } else {
                        printError(Style.warning.paint(words))
                    }
                }
            }
        }
    }
}
