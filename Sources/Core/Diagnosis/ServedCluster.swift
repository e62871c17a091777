package import DomainNames
package import IPAddressing

/// Whether a server that is meant for a cluster's DNS is one, as its answers show: a public resolver and an
/// office's dnsmasq answer too, but know nothing that only a cluster's DNS knows.
package enum ServedCluster: Hashable, Sendable {
    /// It serves the cluster, whose API servers have these addresses inside; none if it has no such service.
    case cluster(kubernetes: [IPAddress])
    /// It answers, and serves no such cluster; with its answer.
    case stranger(String)
    /// It cannot answer for the cluster now; with its answer.
    case failing(String)
    /// No answer came; with the reason.
    case silent(String)

    /// The questions that show it.
    package static let probes: [Probe] = [.zone, .version, .address]

    /// The name of a service that every cluster has.
    package static func kubernetes(below domain: DomainName) -> DomainName {
        let labels = ["kubernetes", "default", "svc"].map { Array($0.utf8) }
        return (try? DomainName(labels: labels + domain.labels)) ?? domain
    }

    /// - Parameters:
    ///   - seen: The outcomes of `probes`, asked with the cluster's domain and its service `kubernetes`.
    package init(_ seen: ServerObservation, domain: DomainName) {
        let answers = Self.probes.compactMap { seen[$0] }
        // A resolver that gives an address to every name has neither the zone nor its version.
        let hasZone = seen[.zone]?.isFine == true && seen[.zone]?.zone?.owner == domain
        let hasVersion = seen[.version]?.texts.isEmpty == false
        if hasZone || hasVersion {
            self = .cluster(kubernetes: seen.addresses)
        } else if answers.isEmpty {
            let outcomes = Self.probes.compactMap { seen.outcomes[$0] }
            self = .silent(outcomes.first.map(ServerDiagnosis.words) ?? "it was not asked")
        } else if let failure = answers.first(where: { $0.rcode == ProbeAnswer.serverFailure }) {
            self = .failing(failure.words)
        } else {
            self = .stranger((seen[.address] ?? answers.first)?.words ?? "")
        }
    }

    /// What is told of it to a person who has named the server at `address`.
    package func words(address: String, domain: DomainName) -> String {
        let name = Self.kubernetes(below: domain)
        switch self {
        case .cluster(let addresses) where addresses.isEmpty: return "\(address) serves \(domain)"
        case .cluster(let addresses):
            let list = addresses.map { "\($0)" }.joined(separator: ", ")
            return "\(address) is the DNS of a cluster: \(name) is \(list)"
        case .stranger(let answer):
            let what =
                answer == "NOERROR" ? "gives any name an address" : "does not serve \(domain) (\(answer))"
            return "\(address) answers, but \(what): it is no cluster's DNS server, or its cluster has"
                + " another domain. \"kubectl get service -n kube-system kube-dns\" shows the right address."
        case .failing(let answer):
            return "\(address) answers \(answer) for \(domain): a cluster's DNS that is not ready, or another"
                + " resolver, which cannot reach it"
        case .silent(let reason) where reason.contains("refused"):
            return "\(address) reaches a host where nothing listens at that port (\(reason))"
        case .silent(let reason):
            return
                "\(address) does not answer here (\(reason)): a ClusterIP mostly answers on nodes alone. Make"
                + " the way with \"namebridge net apply\" on a relay, or let the cluster's DNS answer at a"
                + " port of every node"
        }
    }
}
