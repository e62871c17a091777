package import DomainNames
package import IPAddressing

/// A Kubernetes cluster: its names, its name servers and its network as far as it is known.
package struct Cluster: Hashable, Sendable {
    /// Its name in the file: lower-case letters, digits and inner hyphens; unique among clusters and sites.
    package var key: String

    /// The zone that its CoreDNS serves. Default: `cluster.local`.
    package var domain: DomainName

    /// The suffixes that clients may use instead of `domain`; PTR answers use the first. Default:
    /// `<key>.cluster.local`; read from a file, none if the cluster has no `dns`.
    package var names: [DomainName]

    /// Its DNS servers: ClusterIP, NodePort or pod addresses; port 53 where none is given.
    package var dns: [Endpoint]

    /// How long its answers are cached, if that differs from `dns.cache`.
    package var cache: ClusterCacheSettings

    /// How long answers below one of `names` are cached, if that differs from `cache`.
    package var suffixCache: [DomainName: ClusterCacheSettings] = [:]

    /// Whether names that its CoreDNS cannot have (`www.example.com.<namespace>.svc.<suffix>`, from search
    /// lists) are denied without asking it. False if its zone holds other names too. Default: true.
    package var onlyKubernetesNames: Bool

    /// Private zones that only its DNS servers resolve: names at or below them are asked there as they are.
    /// Default: none.
    package var also: [DomainName] = []

    /// The prefixes of its pods.
    package var pods: [IPPrefix]

    /// The prefixes of its services' ClusterIPs.
    package var services: [IPPrefix]

    /// The outer addresses of `pods` and `services` outside of the cluster, because other networks have the
    /// same ones. Empty, the default: the addresses are used as they are.
    package var addressMap = PrefixMap()

    /// The outer addresses by which single relays lead to it: those of paths with `failover: dns`, each once.
    package internal(set) var relayMaps: [PrefixMap] = []

    /// True if the file gives it no map of its own: `addressMap` is the first of `relayMaps`.
    package internal(set) var isMappedByRelays = false

    /// What carries its pods' packets; nil: not known.
    package var cni: CNI?

    /// Its kube-proxy.
    package var kubeProxy: KubeProxySettings

    /// Nil if nothing is said of it.
    package var cilium: CiliumSettings?
    package var calico = CalicoSettings()

    /// In the order of the file.
    package var nodes: [Node]

    /// Machines in the cluster's network that are no nodes: dedicated relays, VPN endpoints.
    package var hosts: [Host]

    /// The subnets of the cluster's network (VPC), if they have route tables of their own.
    package var subnets: [Subnet]

    /// How it is followed; nil if it is as the file has it.
    package var follow: FollowSettings?

    /// What was found of it, which stands in the fields above where the file has no value of its own; nil
    /// if it is not followed, or nothing was found yet.
    package internal(set) var facts: ClusterFacts?

    package init(
        key: String, domain: DomainName = .clusterLocal, names: [DomainName]? = nil, dns: [Endpoint] = [],
        cache: ClusterCacheSettings = ClusterCacheSettings(), onlyKubernetesNames: Bool = true,
        pods: [IPPrefix] = [], services: [IPPrefix] = [], cni: CNI? = nil,
        kubeProxy: KubeProxySettings = KubeProxySettings(), nodes: [Node] = [], hosts: [Host] = [],
        subnets: [Subnet] = []
    ) {
        self.key = key
        self.domain = domain
        self.names = names ?? Self.defaultNames(key: key)
        self.dns = dns
        self.cache = cache
        self.onlyKubernetesNames = onlyKubernetesNames
        self.pods = pods
        self.services = services
        self.cni = cni
        self.kubeProxy = kubeProxy
        self.nodes = nodes
        self.hosts = hosts
        self.subnets = subnets
    }

    /// True if others see its addresses as outer ones.
    package var isMapped: Bool { !addressMap.isEmpty }

    /// Every pair of inner and outer addresses, those of single relays included.
    package var allPairs: [PrefixPair] {
        relayMaps.isEmpty
            ? addressMap.pairs : (isMappedByRelays ? [] : addressMap.pairs) + relayMaps.flatMap(\.pairs)
    }

    /// The outer addresses, through whichever relay they lead to it.
    package var outerRanges: [IPPrefix] { allPairs.map(\.outer) }

    /// Outer ranges of addresses that no known prefix has: "namebridge follow" is to find them in the
    /// cluster, and no route leads to them before.
    package var awaitedRanges: [IPPrefix] {
        guard follow != nil else { return [] }
        let known = IPPrefixTable((pods + services).map { ($0, $0) })
        return allPairs.filter { known.longestMatch($0.inner.address)?.contains($0.inner) != true }.map(
            \.outer)
    }

    /// `<key>.cluster.local`; nothing where `key` is no label.
    package static func defaultNames(key: String) -> [DomainName] {
        guard let label = try? DomainName(labels: [Array(key.utf8)]),
            let name = try? label.appending(.clusterLocal)
        else { return [] }
        return [name]
    }
}

/// What carries the packets between the pods of a cluster; it decides the plan and its warnings.
package enum CNI: String, Hashable, Sendable, CaseIterable {
    /// Calico with IP-in-IP.
    case calicoIPIP = "calico-ipip"
    /// Calico with VXLAN.
    case calicoVXLAN = "calico-vxlan"
    /// Calico with BGP and no encapsulation.
    case calicoBGP = "calico-bgp"
    /// Flannel with VXLAN.
    case flannelVXLAN = "flannel-vxlan"
    /// Flannel with plain routes between nodes.
    case flannelHostGateway = "flannel-host-gw"
    /// Cilium, in any mode.
    case cilium = "cilium"
    /// Pods have addresses of the cloud's network (VPC-CNI and the like).
    case vpc = "vpc"
    /// Another one.
    case other = "other"

    package var isCalico: Bool {
        switch self {
        case .calicoIPIP, .calicoVXLAN, .calicoBGP: true
        default: false
        }
    }
}

/// What is known of the cluster's kube-proxy (KubeProxyConfiguration).
package struct KubeProxySettings: Hashable, Sendable {
    /// Default: iptables.
    package var mode: KubeProxyMode

    /// The field `iptables.masqueradeAll`: traffic to services leaves the entry node with that node's
    /// address.
    /// Default: false.
    package var masqueradeAll: Bool

    /// The field `clusterCIDR`: traffic to services from outside of the prefixes of its own family is
    /// masqueraded; of a family that has none here, nothing is. Default: not set.
    package var clusterCIDR: [IPPrefix]

    package init(mode: KubeProxyMode = .iptables, masqueradeAll: Bool = false, clusterCIDR: [IPPrefix] = []) {
        self.mode = mode
        self.masqueradeAll = masqueradeAll
        self.clusterCIDR = clusterCIDR
    }
}

/// How services are translated on a node; `none` if another program than kube-proxy does it.
package enum KubeProxyMode: String, Hashable, Sendable, CaseIterable {
    case iptables, ipvs, nftables, userspace, none
}

/// A part of a cloud network with its own route table, where the owner enters the plan's `vpc` rows.
package struct Subnet: Hashable, Sendable {
    /// Unique within the cluster.
    package var name: String

    /// Never empty in a checked inventory.
    package var networks: [IPPrefix]

    /// The name of its route table. Default: the subnet's name.
    package var routeTable: String

    package init(name: String, networks: [IPPrefix], routeTable: String? = nil) {
        self.name = name
        self.networks = networks
        self.routeTable = routeTable ?? name
    }
}

extension DomainName {
    /// `cluster.local`, the domain that a cluster has unless its owner chose another.
    package static let clusterLocal: DomainName = {
        do throws(DomainNameError) {
            return try DomainName(labels: [Array("cluster".utf8), Array("local".utf8)])
        } catch {
            preconditionFailure("cluster.local is a name: \(error)")
        }
    }()
}
