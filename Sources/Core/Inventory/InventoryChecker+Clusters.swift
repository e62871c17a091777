import DomainNames
import IPAddressing

/// Labels that the Kubernetes DNS schema puts directly below a cluster's domain, and those of CoreDNS's own
/// SOA (Kubernetes DNS-Based Service Discovery, 1.1.0).
private let schemaLabels: Set<String> = ["svc", "pod", "dns", "ns", "dns-version", "hostmaster"]

/// Names of one label that are no public zones, and that private networks use.
private let privateTops: Set<String> = [
    "internal", "corp", "home", "lan", "mail", "private", "intranet", "localdomain",
]

/// The room that the longest service name needs before its suffix: two labels of 63 octets and `svc`, each
/// with its length octet.
private let serviceNameOctets = 64 + 64 + 4

extension InventoryChecker {
    /// Keys, domains and DNS servers.
    mutating func checkClusters() {
        var owners: [Endpoint: (domain: DomainName, path: InventoryPath)] = [:]
        for cluster in inventory.clusters {
            let path = InventoryPath("clusters") + cluster.key
            if isSchemaLabel(cluster.key) {
                error(
                    at: path, isAboutKey: true,
                    "found the key \(quoted(cluster.key)), which the Kubernetes DNS schema uses itself;"
                        + " expected another name for the cluster")
            }
            if cluster.domain == .root {
                error(at: path + "domain", "found the root, expected a domain such as cluster.local")
            }
            checkRoom(cluster.domain, at: path + "domain")
            refuseDuplicates(cluster.dns, at: path + "dns")
            for (index, server) in Set(cluster.dns).count == cluster.dns.count
                ? Array(cluster.dns.enumerated()) : []
            {
                let here = (path + "dns")[index]
                checkServer(server, at: here, isUpstream: false)
                // Servers with the same inner address are distinguished by their outer ones.
                let asked = Endpoint(
                    address: cluster.addressMap.outer(of: server.address) ?? server.address, port: server.port
                )
                if let other = owners[asked], other.domain == cluster.domain {
                    warn(
                        at: here, and: other.path,
                        "found \(server), which serves \(cluster.domain) for another cluster already: both"
                            + " names would get the same answers; expected servers of its own")
                } else {
                    owners[asked] = (cluster.domain, here)
                }
            }
            if cluster.follow != nil, cluster.facts == nil {
                warn(
                    at: path + "follow",
                    "found no facts of the cluster yet: questions for its names get no answer, and no path"
                        + " leads to it, until \"namebridge follow\" has asked it")
            } else if cluster.isAwaitingServers, !(cluster.names + cluster.also).isEmpty {
                warn(
                    at: path + "follow",
                    "found no DNS servers in the cluster: questions for its names get no answer; write"
                        + " \"dns\" here, or let \"namebridge follow\" read the service")
            }
            for (key, names) in [("names", cluster.names), ("also", cluster.also)]
            where cluster.dns.isEmpty && !names.isEmpty && !cluster.isAwaitingServers {
                error(
                    at: path + "dns",
                    "found \(key == "names" ? "names" : quoted(key)) but no DNS servers to ask for them,"
                        + " expected at least one server")
                break
            }
            checkDataPath(of: cluster, at: path)
        }
    }

    /// Settings of a CNI that the cluster does not have would be ignored. A cloud's CNI can have either
    /// beside it.
    private mutating func checkDataPath(of cluster: Cluster, at path: InventoryPath) {
        let found = cluster.cni.map { "cni: \($0.rawValue)" } ?? "no cni"
        if cluster.cilium != nil, cluster.cni != .cilium, cluster.cni != .vpc {
            error(
                at: path + "cilium", and: path + "cni",
                "found settings of Cilium and \(found), expected cni: cilium, or vpc")
        }
        if cluster.calico != CalicoSettings(), cluster.cni?.isCalico != true, cluster.cni != .vpc {
            error(
                at: path + "calico", and: path + "cni",
                "found settings of Calico and \(found), expected cni: calico-ipip, calico-vxlan, calico-bgp,"
                    + " or vpc")
        }
    }

    /// Suffixes: each used once, apart from the names of the schema, and short enough.
    mutating func checkNames() {
        var claims = bareDomainClaims()
        let zones = knownZones()
        for cluster in inventory.clusters {
            for (index, name) in cluster.names.enumerated() {
                let here = (InventoryPath("clusters") + cluster.key + "names")[index]
                if let earlier = claims[name] {
                    error(
                        at: here, and: earlier,
                        "found \(name), which is claimed already; expected each suffix to lead to one place")
                } else {
                    claims[name] = here
                }
                checkRoom(name, at: here)
                // A key of the schema has been reported; the name that follows from it is not a
                // second mistake.
                if isSchemaLabel(cluster.key), [name] == Cluster.defaultNames(key: cluster.key) {
                    continue
                }
                checkPlace(of: name, among: zones, at: here)
            }
        }
        checkPrivateZones(&claims, among: zones)
        checkMergedNames(&claims, among: zones)
        checkClusterSetNames(&claims, among: zones)
    }

    /// `also`: each zone is asked at one cluster, and holds no names of the Kubernetes schema.
    private mutating func checkPrivateZones(
        _ claims: inout [DomainName: InventoryPath], among zones: [DomainName: InventoryPath]
    ) {
        let domains = domainsAndTheirParents()
        for cluster in inventory.clusters {
            for (index, zone) in cluster.also.enumerated() {
                let here = (InventoryPath("clusters") + cluster.key + "also")[index]
                if let earlier = claims[zone] {
                    error(
                        at: here, and: earlier,
                        "found \(zone), which is claimed already; expected each zone to lead to one place")
                } else if let owner = domains[zone] {
                    error(
                        at: here, and: owner,
                        "found \(zone), which holds the domain of a cluster; expected a zone beside it, such"
                            + " as corp.internal")
                } else {
                    checkOwnership(of: zone, at: here)
                }
                claims[zone] = claims[zone] ?? here
                checkPlace(of: zone, among: zones, at: here)
            }
        }
    }

    /// Refuses what is no zone, and warns of public top-level domains.
    private mutating func checkOwnership(of zone: DomainName, at path: InventoryPath) {
        guard let top = zone.labels.last else { return }
        if top.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            error(
                at: path,
                "found \(zone), which ends in a number, as no zone does; expected a zone such as"
                    + " corp.internal"
            )
        } else if zone.labels.count == 1,
            !privateTops.contains(String(decoding: top.map(foldedOctet), as: UTF8.self))
        {
            warn(
                at: path,
                "found \(zone), which would take every name that ends in it from the public DNS; expected a"
                    + " zone of your own, such as corp.internal")
        }
    }

    /// The clusters' domains and every name above one, each with its first cluster.
    private func domainsAndTheirParents() -> [DomainName: InventoryPath] {
        var domains: [DomainName: InventoryPath] = [:]
        for cluster in inventory.clusters {
            let labels = cluster.domain.labels
            for start in labels.indices {
                guard let name = try? DomainName(labels: Array(labels[start...])) else { continue }
                domains[name] = domains[name] ?? InventoryPath("clusters") + cluster.key
            }
        }
        domains[.clusterLocal] = domains[.clusterLocal] ?? "clusters"
        return domains
    }

    /// True for a label that the schema has directly below a cluster's domain, or may have
    /// (`dns.extra-labels`).
    func isSchemaLabel(_ label: String) -> Bool {
        schemaLabels.contains(label) || extraLabels.contains(label)
    }

    /// The domains that `bare-domain` lists answer for.
    private func bareDomainClaims() -> [DomainName: InventoryPath] {
        var claims: [DomainName: InventoryPath] = [:]
        let path: InventoryPath = "dns"
        var lists = [(inventory.dns.bareDomain, path + "bare-domain")]
        for (index, view) in inventory.dns.views.enumerated() {
            lists.append((view.bareDomain ?? [], (path + "views")[index] + "bare-domain"))
        }
        for (keys, path) in lists {
            for (index, key) in keys.enumerated() {
                guard let domain = clusters[key]?.domain, claims[domain] == nil else { continue }
                claims[domain] = path[index]
            }
        }
        return claims
    }

    /// Every domain and suffix that cluster names are below.
    private func knownZones() -> [DomainName: InventoryPath] {
        var zones: [DomainName: InventoryPath] = [.clusterLocal: "clusters"]
        for cluster in inventory.clusters {
            let path = InventoryPath("clusters") + cluster.key
            for (index, name) in cluster.names.enumerated() { zones[name] = (path + "names")[index] }
        }
        for cluster in inventory.clusters { zones[cluster.domain] = InventoryPath("clusters") + cluster.key }
        return zones
    }

    /// Refuses suffixes that would hide a part of another zone, or that no cluster can own.
    mutating func checkPlace(
        of name: DomainName, among zones: [DomainName: InventoryPath], at path: InventoryPath
    ) {
        let labels = name.labels
        if labels.isEmpty {
            error(at: path, "found the root, expected a suffix such as prod.k8s.example.com")
        }
        if labels.last?.elementsEqual("arpa".utf8, by: { foldedOctet($0) == $1 }) == true {
            error(
                at: path,
                "found \(name), which is in the reverse tree: reverse names follow from \"pods\" and"
                    + " \"services\"; expected a forward name")
        }
        for start in labels.indices {
            let label = String(decoding: labels[start].map(foldedOctet), as: UTF8.self)
            guard isSchemaLabel(label) || label.hasPrefix("_"),
                let zone = try? DomainName(labels: Array(labels[(start + 1)...])), let owner = zones[zone]
            else { continue }
            error(
                at: path, and: owner == "clusters" ? nil : owner,
                "found \(name), which hides names of the Kubernetes DNS schema below \(zone):"
                    + " \(quoted(label)) has a meaning there; expected another label")
            return
        }
    }

    /// A suffix leaves room for the longest service name.
    mutating func checkRoom(_ name: DomainName, at path: InventoryPath) {
        let room = maximumNameLength - serviceNameOctets
        guard name.wire.count > room else { return }
        error(
            at: path,
            "found a suffix of \(name.wire.count) octets, expected at most \(room): with a service's"
                + " longest name before it the whole would pass 255 octets")
    }
}
