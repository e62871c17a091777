import DomainNames
import IPAddressing
import Inventory

extension Field {
    /// One entry of `clusters`; wrong values keep their defaults.
    func cluster(_ key: String) -> Cluster {
        let read = mapping { keys in
            var cluster = Cluster(key: key, names: [])
            keys.read("follow", into: &cluster.follow) { $0.followSettings() }
            keys.read("domain", into: &cluster.domain, .domainName)
            keys.read("dns", into: &cluster.dns) { $0.list(of: .server) }
            // A cluster without servers is in the file for its network only. Those of a followed one are
            // found.
            if keys.has("dns") || cluster.follow != nil { cluster.names = Cluster.defaultNames(key: key) }
            if let suffixes = keys.value(of: "names", { $0.list { $0.suffix() } }) {
                cluster.names = suffixes.map(\.name)
                for suffix in suffixes { cluster.suffixCache[suffix.name] = suffix.cache }
            }
            keys.read("also", into: &cluster.also) { $0.list(of: .domainName) }
            keys.read("cache", into: &cluster.cache) { $0.clusterCacheSettings() }
            keys.read("only-kubernetes-names", into: &cluster.onlyKubernetesNames, .boolean)
            keys.read("pods", into: &cluster.pods) { $0.list(of: .prefix) }
            keys.read("services", into: &cluster.services) { $0.list(of: .prefix) }
            keys.read("map", into: &cluster.addressMap) { $0.prefixMap() }
            keys.read("cni", into: &cluster.cni, .word)
            keys.read("kube-proxy", into: &cluster.kubeProxy) { $0.kubeProxySettings() }
            cluster.cilium = keys.value(of: "cilium") { $0.ciliumSettings() }
            keys.read("calico", into: &cluster.calico) { $0.calicoSettings() }
            keys.read("nodes", into: &cluster.nodes) { $0.entries(named: .name) { $1.node($0) } }
            keys.read("hosts", into: &cluster.hosts) { $0.entries(named: .name) { $1.host($0) } }
            keys.read("subnets", into: &cluster.subnets) { $0.entries(named: .name) { $1.subnet($0) } }
            cluster.follow?.written = Set(ClusterFacts.Key.allCases.filter { keys.has($0.rawValue) })
            return cluster
        }
        return read ?? Cluster(key: key, names: [])
    }

    /// A suffix alone, or with its own settings.
    private func suffix() -> (name: DomainName, cache: ClusterCacheSettings?)? {
        guard case .mapping = node.content else { return read(.domainName).map { ($0, nil) } }
        return mapping { keys in
            let name = keys.required("name", .domainName)
            var cache: ClusterCacheSettings?
            keys.read("cache", into: &cache) { $0.clusterCacheSettings() }
            return name.map { ($0, cache) }
        }
    }

    /// `merge`: any number of suffixes; those that are no names are left out.
    func mergedSuffixes() -> [MergedSuffix]? {
        guard case .mapping(let entries) = node.content else {
            fail(expected: "a mapping: \"suffix: settings\"")
            return nil
        }
        return entries.compactMap { entry in
            let field = Field(node: entry.value, path: path + entry.key, report: report)
            let key = Field(
                node: YAMLNode(mark: entry.keyMark, content: .scalar(entry.key)), path: field.path,
                report: report)
            guard let name = key.read(.domainName) else { return nil }
            return field.mergedSuffix(entry.key, name)
        }
    }

    /// One entry of `merge`.
    private func mergedSuffix(_ key: String, _ name: DomainName) -> MergedSuffix? {
        mapping { keys in
            var merge = MergedSuffix(key: key, name: name, clusters: [])
            merge.clusters =
                keys.required("clusters", "the clusters that answer, in order") { $0.list(of: .reference) }
                ?? []
            keys.read("mode", into: &merge.mode, .word)
            keys.read("partial", into: &merge.isPartial, .boolean)
            return merge
        }
    }

    /// One entry of `clustersets`.
    func clusterSet(_ key: String) -> ClusterSet {
        let read = mapping { keys in
            var set = ClusterSet(key: key)
            keys.read("zone", into: &set.zone, .domainName)
            set.members =
                keys.required("members", "the clusters of the set") { $0.list { $0.clusterSetMember() } }
                ?? []
            keys.read("prefer", into: &set.prefer) { $0.list(of: .reference) }
            return set
        }
        return read ?? ClusterSet(key: key)
    }

    /// A cluster alone, or with its ID.
    private func clusterSetMember() -> ClusterSet.Member? {
        guard case .mapping = node.content else { return read(.reference).map { .init(cluster: $0) } }
        return mapping { keys in
            let cluster = keys.required("cluster", .reference)
            var id: DomainName?
            keys.read("id", into: &id, .domainName)
            return cluster.map { ClusterSet.Member(cluster: $0, id: id) }
        }
    }

    /// `cache` of a cluster or suffix.
    private func clusterCacheSettings() -> ClusterCacheSettings? {
        mapping { keys in
            var cache = ClusterCacheSettings()
            keys.read("max-ttl", into: &cache.maximumTTL, .duration)
            keys.read("negative-ttl", into: &cache.negativeTTL, .duration)
            keys.read("stale", into: &cache.stale, .duration)
            keys.refuse(["size"], "which all clusters share; expected it in dns.cache")
            return cache
        }
    }

    /// `kube-proxy`.
    func kubeProxySettings() -> KubeProxySettings? {
        mapping { keys in
            var settings = KubeProxySettings()
            keys.read("mode", into: &settings.mode, .word)
            keys.read("masquerade-all", into: &settings.masqueradeAll, .boolean)
            keys.read("cluster-cidr", into: &settings.clusterCIDR) { $0.list(of: .prefix) }
            return settings
        }
    }

    /// `cilium`.
    func ciliumSettings() -> CiliumSettings? {
        mapping { keys in
            var settings = CiliumSettings()
            keys.read("bpf-lb-external-clusterip", into: &settings.servesOutsiders, .boolean)
            keys.read("enable-bpf-masquerade", into: &settings.masqueradesInBPF, .boolean)
            keys.read("enable-host-legacy-routing", into: &settings.routesInHost, .boolean)
            keys.read("routing-mode", into: &settings.routingMode, .word)
            return settings
        }
    }

    /// `calico`.
    func calicoSettings() -> CalicoSettings? {
        mapping { keys in
            var settings = CalicoSettings()
            keys.read("bpf-enabled", into: &settings.usesBPF, .boolean)
            return settings
        }
    }

    /// One entry of `nodes`.
    private func node(_ name: String) -> Node {
        let read = mapping { keys in
            var node = keys.node(name)
            keys.read("device", into: &node.device, .device)
            return node
        }
        return read ?? Node(name: name, addresses: [])
    }

    /// One entry of `hosts`.
    private func host(_ name: String) -> Host {
        let read = mapping { keys in
            var host = Host(name: name, addresses: [])
            host.addresses = keys.address()
            keys.read("device", into: &host.device, .device)
            return host
        }
        return read ?? Host(name: name, addresses: [])
    }

    /// One entry of `subnets`.
    private func subnet(_ name: String) -> Subnet {
        let read = mapping { keys in
            var subnet = Subnet(name: name, networks: [])
            subnet.networks = keys.required("networks", "its prefixes") { $0.list(of: .prefix) } ?? []
            keys.read("route-table", into: &subnet.routeTable, .name)
            return subnet
        }
        return read ?? Subnet(name: name, networks: [])
    }

    /// `inner prefix: outer prefix`, any number of them; those that are wrong are left out.
    func prefixMap() -> PrefixMap? {
        guard case .mapping(let entries) = node.content else {
            fail(expected: "a mapping: \"inner prefix: outer prefix\"")
            return nil
        }
        return PrefixMap(
            entries.compactMap { entry in
                let field = Field(node: entry.value, path: path + entry.key, report: report)
                let key = Field(
                    node: YAMLNode(mark: entry.keyMark, content: .scalar(entry.key)), path: field.path,
                    report: report)
                let inner = key.read(.prefix)
                guard let outer = field.read(.prefix), let inner else { return nil }
                guard let pair = PrefixPair(inner: inner, outer: outer) else {
                    field.fail(
                        "found \(outer) for \(inner), expected an IP\(inner.family) prefix of the same"
                            + " length, /\(inner.length)")
                    return nil
                }
                return pair
            })
    }

    /// One entry of `sites`.
    func site(_ key: String) -> Site {
        let read = mapping { keys in
            var site = Site(key: key, networks: [])
            site.networks = keys.required("networks", "its prefixes") { $0.list(of: .prefix) } ?? []
            keys.read("router", into: &site.routers) { $0.list(of: .address) }
            keys.read("map", into: &site.addressMap) { $0.prefixMap() }
            keys.read("hosts", into: &site.hosts) { $0.entries(named: .name) { $1.host($0) } }
            return site
        }
        return read ?? Site(key: key, networks: [])
    }
}

extension Keys {
    /// What is said of a node in a configuration and in facts.
    mutating func node(_ name: String) -> Node {
        var node = Node(name: name, addresses: [])
        node.addresses = address()
        read("pods", into: &node.pods) { $0.list(of: .prefix) }
        return node
    }

    /// The addresses of a host: one or a list.
    fileprivate mutating func address() -> [IPAddress] {
        required("address", "its own address, or a list of them") { $0.list(of: .address) } ?? []
    }
}
