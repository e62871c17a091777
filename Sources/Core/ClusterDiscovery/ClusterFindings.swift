import DomainNames
package import IPAddressing
package import Inventory

/// The findings about one cluster. Nil is what was not found.
@dynamicMemberLookup
package struct ClusterFindings: Hashable, Sendable {
    /// Its key in the configuration file.
    package var key: String

    /// Its context in the kubeconfig.
    package var context: String

    /// What it says of itself: `findings.domain` is `findings.values.domain`.
    package var values = ClusterValues()
    /// The nodes.
    package var nodes: Fact<[Node]>?
    /// False if nothing said which pod prefixes the nodes have, so that those without may have some.
    package var knowsNodePrefixes = false

    /// A map that is proposed, since other clusters or sites have the same addresses.
    package var proposedMap: PrefixMap?

    /// Other addresses that the cluster's DNS answers at: pods, node ports, load balancers.
    package var otherDNS: [Endpoint] = []

    /// Further remarks, by the key that they are about.
    package var remarks: [Key: [String]] = [:]

    /// The questions without an answer, and why: one line each.
    package var refusals: [String] = []

    /// Lists of which only a part could be read, and why: one line each. A value that is missing from their
    /// keys is not gone.
    package var partial: [String] = []
    /// The keys whose list was read only in part.
    package var partialKeys: Set<Key> = []

    /// Creates cluster findings.
    package init(key: String, context: String) {
        self.key = key
        self.context = context
    }

    /// One of `values`.
    package subscript<Value>(dynamicMember path: WritableKeyPath<ClusterValues, Value>) -> Value {
        get { values[keyPath: path] }
        set { values[keyPath: path] = newValue }
    }

    /// A key of the file that discovery can fill in, in the file's order.
    package enum Key: String, Hashable, Sendable, CaseIterable {
        case domain, dns, pods, services, cni
        case kubeProxy = "kube-proxy"
        case nodes

        /// How to find the value by hand.
        ///
        /// - Parameter kubectl: How to call kubectl for this cluster.
        package func byHand(kubectl: String) -> String {
            switch self {
            case .domain:
                "\(kubectl) -n kube-system get configmap coredns -o yaml; the zone behind \"kubernetes\""
            case .dns: "\(kubectl) -n kube-system get service -l k8s-app=kube-dns; its CLUSTER-IP"
            case .pods:
                "\(kubectl) get nodes -o jsonpath='{.items[*].spec.podCIDRs}', the pools of the CNI, or the"
                    + " cloud's subnets"
            case .services:
                "\(kubectl) get servicecidrs (Kubernetes 1.33 and later), or \(kubectl) cluster-info dump"
                    + " | grep -m1 service-cluster-ip-range"
            case .cni: "\(kubectl) get daemonsets --all-namespaces"
            case .kubeProxy: "\(kubectl) -n kube-system get configmap kube-proxy -o yaml"
            case .nodes: "\(kubectl) get nodes -o wide"
            }
        }
    }

    /// Where the value of `key` came from; nil if it was not found.
    package func source(of key: Key) -> String? {
        switch key {
        case .domain: values.domain?.source
        case .dns: values.dns?.source
        case .pods: values.pods?.source
        case .services: values.services?.source
        case .cni: values.cni?.source
        case .kubeProxy: values.kubeProxy?.source
        case .nodes: nodes?.source
        }
    }

    /// The keys without a value.
    package var missing: [Key] { Key.allCases.filter { source(of: $0) == nil } }

    /// How to call kubectl for this cluster by hand.
    package var kubectl: String { kubectlCommand(context: context) }

    /// The cluster for the inventory; without names if no server was found.
    package var cluster: Cluster {
        var cluster = Cluster(
            key: key, domain: values.domain?.value ?? .clusterLocal, names: values.dns == nil ? [] : nil,
            dns: values.dns?.value ?? [], pods: values.pods?.value ?? [],
            services: values.services?.value ?? [],
            cni: values.cni?.value, kubeProxy: values.kubeProxy?.value ?? KubeProxySettings(),
            nodes: nodes?.value ?? [])
        cluster.cilium = values.cilium?.value
        cluster.calico = values.calico?.value ?? CalicoSettings()
        return cluster
    }
}

extension ClusterFindings {
    /// The addresses of the cluster's DNS besides those of pods, which change; at most eight.
    package var lastingOtherDNS: [Endpoint] {
        let pods = values.pods?.value ?? []
        return Array(otherDNS.filter { server in !pods.contains { $0.contains(server.address) } }.prefix(8))
    }

    /// Whether a host gets answers from the cluster's DNS.
    package enum Reach: Hashable, Sendable {
        /// At the addresses that were found first.
        case asFound
        /// At others, which are `dns` now.
        case atOthers
        /// At none.
        case nowhere
    }

    /// Puts addresses that answer in place of those that do not.
    ///
    /// - Parameter answering: Those that answer the host where the configuration is used.
    package mutating func choose(among answering: Set<Endpoint>) -> Reach {
        guard let dns = values.dns, !dns.value.isEmpty else { return .nowhere }
        if directDNS.contains(where: answering.contains) { return .asFound }
        let others = lastingOtherDNS.filter(answering.contains)
        guard !others.isEmpty else { return .nowhere }
        let silent = dns.value.map(\.shortText).joined(separator: ", ")
        values.dns = Fact(
            Array(others.prefix(3)),
            "what answers this host (\(silent) in the cluster needs a way for packets, which a path makes)")
        remarks[.dns] = nil
        return .atOthers
    }

    /// The servers that are asked as they were found. With a map they are asked at outer addresses, which
    /// need a relay first.
    private var directDNS: [Endpoint] { proposedMap == nil ? values.dns?.value ?? [] : [] }

    /// The addresses at which several of `clusters` would be asked, each with their keys: what answers there
    /// is the DNS of one of them.
    package static func sharedDNS(of clusters: [ClusterFindings]) -> [Endpoint: [String]] {
        var keys: [Endpoint: [String]] = [:]
        for cluster in clusters {
            for server in Set(cluster.directDNS + cluster.lastingOtherDNS) {
                keys[server, default: []].append(cluster.key)
            }
        }
        return keys.filter { $0.value.count > 1 }
    }
}

/// The call of kubectl for `context`, quoted for a shell if needed.
package func kubectlCommand(context: String) -> String {
    let isPlain = context.utf8.allSatisfy {
        isLetterOrDigit($0) || [UInt8](".-_@:/".utf8).contains($0)
    }
    if isPlain { return "kubectl --context \(context)" }
    let quoted = plainText(context).split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: #"'\''"#)
    return "kubectl --context '\(quoted)'"
}

/// True for an ASCII letter or digit.
func isLetterOrDigit(_ octet: UInt8) -> Bool {
    switch octet {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    default: false
    }
}
