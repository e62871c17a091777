import ClusterDiscovery
import Diagnosis
import DomainNames
import IPAddressing
import Inventory

/// The DNS servers that a person or a resolver's rule has named for clusters: asked what only a cluster's DNS
/// knows, since a wrong address that answers would be noticed only once names are missing.
enum DraftServers {
    /// A server, and the zone that it is asked for.
    private struct Asked: Hashable {
        let server: Endpoint
        let domain: DomainName
    }

    /// Says of each server what it shows of itself, on standard error: three seconds at most where no server
    /// is asked for several zones.
    static func report(on clusters: [DraftCluster]) {
        for server in clusters.flatMap(\.dns) {
            guard let warning = OwnResolver(at: server).warning(of: server) else { continue }
            printError(Style.warning.paint("namebridge: warning: \(warning)"))
        }
        let asked = clusters.map { cluster in
            cluster.dns.map { Asked(server: $0, domain: cluster.domain) }
        }
        let served = answers(to: Set(asked.joined()))
        for (cluster, questions) in zip(clusters, asked) {
            for question in questions {
                guard let found = served[question] else { continue }
                let what = found.words(address: question.server.shortText, domain: question.domain)
                let words = "\(cluster.key): \(what)"
                if case .cluster = found {
                    printError(words)
                } else {
                    printError(Style.warning.paint(words))
                }
            }
        }
    }

    /// What each shows of itself. All servers are asked at once, and again for further zones of theirs.
    private static func answers(to asked: Set<Asked>) -> [Asked: ServedCluster] {
        var served: [Asked: ServedCluster] = [:]
        var left = asked
        var random = SystemRandomNumberGenerator()
        while !left.isEmpty {  // ends: each turn asks every server that is left
            var round: [Endpoint: Asked] = [:]
            for one in left { round[one.server] = one }
            left.subtract(round.values)
            let outcomes = Interrogation.ask(
                round.values.flatMap { one in
                    ProbeQuestions(
                        suffix: one.domain, name: ServedCluster.kubernetes(below: one.domain)
                    ).questions(ServedCluster.probes, to: one.server, random: &random)
                })
            for (server, one) in round {
                let seen = ServerObservation(server: server, outcomes: outcomes[server] ?? [:])
                served[one] = ServedCluster(seen, domain: one.domain)
            }
        }
        return served
    }
}
