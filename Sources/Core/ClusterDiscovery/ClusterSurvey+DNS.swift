import DomainNames
import IPAddressing
import Inventory
import JSON

extension ClusterSurvey {
    /// The ClusterIPs of the cluster's DNS.
    func findServers() -> Fact<[Endpoint]>? {
        guard let service = dnsService else { return openShiftServers ?? kubeletServers }
        let port = Self.port(of: service)?["port"]?.integer ?? 53
        let servers = Self.addresses(of: service).compactMap { address in
            UInt16(exactly: port).map { Endpoint(address: address, port: $0) }
        }
        return Fact(unique(servers), "the ClusterIP of Service \(Self.place(of: service))")
    }

    /// OpenShift's DNS operator has the service in its own namespace.
    private var openShiftServers: Fact<[Endpoint]>? {
        let text = document(.openShiftDNS)?["status"]?["clusterIP"]?.string
        return text.flatMap { IPAddress($0) }.map {
            Fact([Endpoint(address: $0, port: 53)], "status.clusterIP of OpenShift's DNS default")
        }
    }

    /// The servers that the kubelets write into the pods' resolv.conf. A link-local address (of the
    /// node-local cache, 169.254.20.10) is a server on each node for that node only.
    private var kubeletServers: Fact<[Endpoint]>? {
        let servers = kubeletAddresses.filter { !isLinkLocal($0) }.map { Endpoint(address: $0, port: 53) }
        return servers.isEmpty ? nil : Fact(unique(servers), "clusterDNS of the kubelets' configuration")
    }

    /// The addresses of `clusterDNS` in the kubelets' configuration.
    private var kubeletAddresses: [IPAddress] {
        (kubeletSettings?["clusterDNS"]?.elements?.compactMap(\.string) ?? []).compactMap { IPAddress($0) }
    }

    /// Remarks about the servers.
    var serverRemarks: [String] {
        let local = kubeletAddresses.filter(isLinkLocal)
        guard dnsService == nil, !local.isEmpty else { return [] }
        let list = local.map(\.description).joined(separator: ", ")
        return ["\(list) of the kubelets' configuration is a cache on each node, no server for others"]
    }

    /// Further addresses of the cluster's DNS: its pods, a port of every node, a load balancer.
    func findOtherServers() -> [Endpoint] {
        guard let service = dnsService else { return [] }
        var servers: [Endpoint] = []
        for slice in items(.dnsEndpoints(service: service.name)) {
            let port = (slice["ports"]?.elements ?? []).first { $0["protocol"]?.string != "TCP" }
            let number = port?["port"]?.integer.flatMap { UInt16(exactly: $0) } ?? 53
            for endpoint in slice["endpoints"]?.elements ?? []
            where endpoint["conditions"]?["ready"]?.boolean != false {
                let addresses = (endpoint["addresses"]?.elements ?? []).compactMap(\.string)
                servers += addresses.compactMap { IPAddress($0) }.map { Endpoint(address: $0, port: number) }
            }
        }
        // A second service with the label of the first one is often there for those outside.
        for service in items(.dnsServices) { servers += outsideServers(of: service) }
        return unique(servers)
    }

    /// Where a service answers besides its ClusterIP: a port of every node, a load balancer.
    private func outsideServers(of service: JSONValue) -> [Endpoint] {
        var servers: [Endpoint] = []
        let row = Self.port(of: service)
        if let number = row?["nodePort"]?.integer.flatMap({ UInt16(exactly: $0) }), number > 0 {
            let nodes = items(.nodes).flatMap(Self.internalAddresses(of:))
            servers += nodes.map { Endpoint(address: $0, port: number) }
        }
        for entry in service["status"]?["loadBalancer"]?["ingress"]?.elements ?? [] {
            guard let address = entry["ip"]?.string.flatMap({ IPAddress($0) }) else { continue }
            servers.append(Endpoint(address: address, port: 53))
        }
        return servers
    }

    /// The row of a service's ports that receives questions over UDP.
    private static func port(of service: JSONValue) -> JSONValue? {
        let ports = service["spec"]?["ports"]?.elements ?? []
        return ports.first { $0["protocol"]?.string == "UDP" } ?? ports.first
    }

    // MARK: - The domain

    /// The zone that the cluster's DNS serves, from the best source there is, and its other zones.
    func findDomain() -> (found: Fact<DomainName>?, others: [DomainName]) {
        if let (name, zones) = corefileZones, let first = zones.first {
            let source = "the Corefile in ConfigMap kube-system/\(plainText(name))"
            return (Fact(first, source), Array(zones.dropFirst()))
        }
        let others = [
            (kubeletSettings?["clusterDomain"]?.string, "clusterDomain of the kubelets' configuration"),
            (
                kubeadm?["networking"]?["dnsDomain"]?.string,
                "networking.dnsDomain in ConfigMap kube-system/kubeadm-config"
            ),
            (k3sArguments?.value(of: "cluster-domain"), "k3s --cluster-domain"),
            (
                document(.openShiftDNS)?["status"]?["clusterDomain"]?.string,
                "status.clusterDomain of OpenShift's DNS default"
            ),
            (k3sName.map { _ in "cluster.local" }, "the default of \(k3sName ?? "")"),
        ]
        for (text, source) in others {
            if let name = text.flatMap(domainName) { return (Fact(name, source), []) }
        }
        return (nil, [])
    }

    /// The zones of the Corefile's `kubernetes` plugin, and the ConfigMap that has it.
    private var corefileZones: (name: String, zones: [DomainName])? {
        var names = ["coredns", "rke2-coredns-rke2-coredns"]
        names += items(.configMaps).map(\.name).filter { $0.contains("coredns") && !names.contains($0) }
        for name in names {
            guard let text = configMap(named: name)?["Corefile"]?.string else { continue }
            let zones = kubernetesZones(inCorefile: text)
            if !zones.isEmpty { return (name, zones) }
        }
        return nil
    }

    /// The kubelets' configuration as kubeadm stores it; its name had a version until 1.24.
    private var kubeletSettings: JSONValue? {
        let listed = items(.configMaps).first { $0.name.hasPrefix("kubelet-config") }?["data"]
        let data = listed ?? configMap(named: "kubelet-config")
        return data?["kubelet"]?.string.flatMap(readYAML)
    }
}

/// The forward zones of the `kubernetes` plugin in a Corefile (coredns.io/plugins/kubernetes); if it names
/// none, those of its server block.
func kubernetesZones(inCorefile text: String) -> [DomainName] {
    for block in CorefileBlock.all(of: text) {
        guard let plugin = block.plugins.first(where: { $0.words[0] == "kubernetes" }) else { continue }
        let zones = forwardZones(plugin.words.dropFirst())
        return zones.isEmpty ? forwardZones(block.zones[...]) : zones
    }
    return []
}

/// The names among zones such as `cluster.local:53`, `dns://.:53` and `in-addr.arpa` that are not
/// reverse ones.
private func forwardZones(_ words: ArraySlice<String>) -> [DomainName] {
    let names = words.compactMap { word -> DomainName? in
        var text = Substring(word)
        if text.hasSuffix("{") { text = text.dropLast() }
        if text.hasSuffix(",") { text = text.dropLast() }
        if text.hasPrefix("dns://") { text = text.dropFirst(6) }
        guard !text.contains("/") else { return nil }  // a prefix means its reverse zone
        return domainName(String(text.prefix { $0 != ":" }))
    }
    return names.filter { $0 != .root && $0.labels.last?.elementsEqual("arpa".utf8) != true }
}

/// The name in `text`; nil if the configuration file does not accept it.
func domainName(_ text: String) -> DomainName? {
    let isPlain = text.utf8.allSatisfy { isLetterOrDigit($0) || [UInt8](".-_".utf8).contains($0) }
    guard isPlain, !text.isEmpty else { return nil }
    return try? DomainName(parsing: text)
}
