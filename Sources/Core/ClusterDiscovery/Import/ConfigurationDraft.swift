package import DomainNames
package import IPAddressing
import Inventory

/// A first configuration, made of what was found on a host and what a person has said.
package struct ConfigurationDraft: Sendable {
    /// The addresses to listen on; empty: the default.
    package var listen: [Endpoint] = []
    /// Why they are not the usual ones; nil if there is nothing to say.
    package var listenReason: String?
    /// The servers for every other name.
    package var upstream: [Endpoint] = []
    /// Keys of the clusters that answer plain names; nil: all that call themselves `cluster.local`.
    package var bareDomain: [String]?
    /// Clusters that only their DNS servers are known of.
    package var clusters: [DraftCluster] = []
    /// Clusters whose API servers were asked.
    package var findings: [ClusterFindings] = []
    /// Rules of other resolvers that are not taken over, and why.
    package var remarks: [String] = []

    package init() {}

    /// The keys of all clusters, in the order of the file.
    package var keys: [String] { clusters.map(\.key) + findings.map(\.key) }

    /// The clusters that can answer plain names below `cluster.local`.
    package var clusterLocalKeys: [String] {
        clusters.filter { $0.domain == .clusterLocal }.map(\.key)
            + findings.filter { ($0.domain?.value ?? .clusterLocal) == .clusterLocal }.map(\.key)
    }

    /// Takes over the rules that lead to clusters.
    ///
    /// - Parameters:
    ///   - isCluster: True for a suffix that a person has called a cluster's. The names below `cluster.local`
    ///     and those with a label such as `k8s` are taken for clusters' in any case.
    package mutating func take(
        _ rules: ForwardingRules, isCluster: (DomainName) -> Bool = { _ in false }
    ) {
        remarks += rules.unusable
        let rules = Self.ofDomains(rules)
        var others: [ForwardingRule] = []
        for rule in rules.rules where rule.reversePrefix == nil {
            if isCluster(rule.suffix) || Self.isLikelyCluster(rule.suffix) {
                clusters.append(DraftCluster(rule, besides: Set(keys)))
            } else {
                others.append(rule)
            }
        }
        for rule in rules.rules {
            guard let prefix = rule.reversePrefix else { continue }
            if let index = clusters.firstIndex(where: { $0.isAsked(by: rule) }) {
                clusters[index].take(prefix, rule)
            }
        }
        for rule in others {
            if let index = clusters.firstIndex(where: { $0.isAsked(by: rule) }) {
                clusters[index].also.append(rule.suffix)
                clusters[index].sources += rule.sources
            } else {
                remarks.append(
                    "\(rule.sources.joined(separator: ", ")): \(rule.suffix) leads to "
                        + rule.servers.map(\.shortText).joined(separator: ", ")
                        + ", which looks like no cluster's (if it is one: --suffix \(rule.suffix))")
            }
        }
    }

    /// The rules, with those for the services or pods of a cluster as rules for its domain.
    private static func ofDomains(_ rules: ForwardingRules) -> ForwardingRules {
        var domains = ForwardingRules()
        for var rule in rules.rules {
            if rule.zone == nil, let domain = domain(above: rule.suffix) { rule.suffix = domain }
            domains.add(rule)
        }
        return domains
    }

    /// The domain of the cluster whose services or pods have `suffix`, such as `cluster.local` for
    /// `svc.cluster.local`; nil for other suffixes.
    private static func domain(above suffix: DomainName) -> DomainName? {
        let labels = suffix.folded.labels
        let kinds = ["svc", "pod"].map { Array($0.utf8) }
        guard let index = labels.lastIndex(where: { kinds.contains($0) }),
            let domain = try? DomainName(labels: Array(labels[(index + 1)...])), isLikelyCluster(domain)
        else { return nil }
        return domain
    }

    /// True for `cluster.local`, names below it, and names with a label such as `k8s` or `kube-prod`.
    package static func isLikelyCluster(_ suffix: DomainName) -> Bool {
        if suffix.isAtOrBelow(.clusterLocal) { return true }
        return suffix.folded.description.split(separator: ".").contains { label in
            ["k8s", "k3s", "rke2", "kube", "kubernetes"].contains { word in
                label == word || label.hasPrefix(word + "-") || label.hasSuffix("-" + word)
            }
        }
    }
}

/// A cluster of which only the DNS is known.
package struct DraftCluster: Hashable, Sendable {
    /// Its key in the file.
    package var key: String
    /// The zone that its DNS serves.
    package var domain: DomainName
    /// A suffix that clients use already, besides `<key>.cluster.local`; nil if there is none.
    package var suffix: DomainName?
    /// Its DNS servers.
    package var dns: [Endpoint]
    /// Prefixes whose reverse names are asked there too.
    package var pods: [IPPrefix] = []
    /// See `pods`.
    package var services: [IPPrefix] = []
    /// Other zones that are asked there.
    package var also: [DomainName] = []
    /// Where it is from.
    package var sources: [String]
    /// True if its servers stand in several rules for one zone.
    package private(set) var hasSeveralRules = false

    /// A cluster that a person has named.
    package init(key: String, dns: [Endpoint], source: String) {
        self.key = key
        self.dns = dns
        domain = .clusterLocal
        sources = [source]
    }

    /// The cluster that a rule leads to: called by its suffix, or `prod` if that is `cluster.local` itself.
    package init(_ rule: ForwardingRule, besides taken: Set<String>) {
        let first = rule.suffix.folded.description.split(separator: ".").first.map(String.init) ?? ""
        let label = rule.suffix == .clusterLocal ? "prod" : ClusterKey.label(of: first)
        key = ClusterKey.free(label, besides: taken)
        domain = rule.zone ?? rule.suffix
        dns = rule.servers
        sources = rule.sources
        hasSeveralRules = rule.sources.count > 1 && rule.servers.count > 1
        let isDefault = [rule.suffix] == Cluster.defaultNames(key: key)
        suffix = isDefault || rule.suffix == .clusterLocal ? nil : rule.suffix
    }

    /// True if a rule leads to servers of this cluster alone.
    func isAsked(by rule: ForwardingRule) -> Bool { Set(rule.servers).isSubset(of: dns) }

    /// The service prefixes of kubeadm and k3s where nothing else was chosen.
    private static let usualServices = ["10.96.0.0/12", "10.43.0.0/16"].compactMap {
        try? IPPrefix(parsing: $0)
    }

    /// Takes a prefix whose reverse names are asked at its servers: of services if a server has an address in
    /// it, or if it is a usual one.
    mutating func take(_ prefix: IPPrefix, _ rule: ForwardingRule) {
        let isUsual = Self.usualServices.contains { $0.contains(prefix) }
        if isUsual || dns.contains(where: { prefix.contains($0.address) }) {
            services.append(prefix)
        } else {
            pods.append(prefix)
        }
        sources += rule.sources.filter { !sources.contains($0) }
    }
}

extension ConfigurationDraft {
    /// Takes what API servers say. A cluster that is in the draft already, as its DNS servers show, keeps the
    /// key that it has there, and the rest is replaced by what was found.
    package mutating func take(_ found: [ClusterFindings]) {
        for var findings in found {
            let servers = Set((findings.dns?.value ?? []) + findings.otherDNS)
            if let index = clusters.firstIndex(where: { !servers.isDisjoint(with: $0.dns) }) {
                let known = clusters.remove(at: index)
                if !keys.contains(known.key) { findings.key = known.key }
                if let suffix = known.suffix {
                    remarks.append(
                        "\(known.sources.joined(separator: ", ")): the suffix \(suffix) of \(findings.key):"
                            + " add it to its \"names\" if clients use it")
                }
            }
            findings.key = ClusterKey.free(findings.key, besides: Set(keys))
            self.findings.append(findings)
        }
    }
}
