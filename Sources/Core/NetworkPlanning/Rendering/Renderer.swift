package import IPAddressing
package import Inventory
import NetworkModel

/// Writes the plan in the syntax of the devices on which it must be entered.
package struct Renderer: Sendable {
    /// The planner with the inventory.
    private let planner: NetworkPlanner

    /// Where clients ask Namebridge for names.
    private let server: Endpoint?

    /// The first address of `dns.listen` if all are loopback ones; nil if one is not.
    private let loopback: Endpoint?

    /// The name in the certificate of a proxy for DNS over TLS in front of Namebridge; nil if there is none.
    private let certificateName: String?

    /// - Parameters:
    ///   - server: Nil: the first single address that the inventory listens on.
    ///   - certificateName: That of a proxy for DNS over TLS in front of it.
    package init(_ inventory: Inventory, server: Endpoint? = nil, certificateName: String? = nil) {
        planner = NetworkPlanner(inventory)
        self.certificateName = certificateName
        self.server =
            server ?? inventory.dns.listen.first { !$0.address.isUnspecified && !$0.address.isLoopback }
        let listen = inventory.dns.listen
        loopback = listen.allSatisfy(\.address.isLoopback) ? listen.first : nil
    }

    /// - Parameter name: A host, site or cluster, as the format needs; nil: all of them, if the format allows
    ///   it.
    package func render(_ format: RenderFormat, for name: String? = nil) throws(RenderError) -> String {
        let text: String
        switch format.subject {
        case .host: text = render(format, host: try plan(name))
        case .site: text = try routers(name).map { render(format, router: $0) }.joined(separator: "\n")
        case .cluster:
            text = try clusters(format, name).map { render(format, owner: $0) }.joined(separator: "\n")
        case .resolver:
            guard let server else { throw .serverAddressNeeded(loopback: loopback) }
            let resolver = ResolverRendering(
                planner.inventory, server: server, certificateName: certificateName)
            text = try resolver.render(format)
        }
        if text.isEmpty { throw .nothing(format: format, name: name) }
        return text
    }

    // MARK: Subjects

    /// The plan of the host of that name.
    private func plan(_ name: String?) throws(RenderError) -> HostPlan {
        guard let name, let host = planner.host(named: name) else {
            let known = planner.plans().map { $0.host.place + "/" + $0.host.host.name }
            throw .unknownSubject(name: name, expected: .host, known: known)
        }
        return planner.plan(for: host)
    }

    /// The instructions for routers; only those of one site if `name` is given.
    private func routers(_ name: String?) throws(RenderError) -> [OwnerInstruction] {
        var found: [OwnerInstruction] = []
        var known: [String] = []
        for instruction in planner.instructions() {
            guard case .router(let site, _) = instruction.subject else { continue }
            known.append(site)
            if name == nil || site == name { found.append(instruction) }
        }
        let learning = planner.inventory.paths.compactMap { path -> String? in
            guard case .relay(let relay) = path.carrier, relay.failover == .bgp,
                case .oneWay(let from, _) = path.ends, planner.sites[from] != nil
            else { return nil }
            return from
        }
        if found.isEmpty, let site = name ?? learning.first, learning.contains(site) {
            throw .routesByBGP(site: site)
        }
        guard let name, found.isEmpty else { return found }
        guard let site = planner.sites[name] else {
            throw .unknownSubject(name: name, expected: .site, known: known)
        }
        if site.routers.isEmpty { throw .noRouter(site: name) }
        return []
    }

    /// The instructions for clusters, those of one cluster if `name` is given.
    private func clusters(
        _ format: RenderFormat, _ name: String?
    ) throws(RenderError) -> [OwnerInstruction] {
        var found: [OwnerInstruction] = []
        for instruction in planner.instructions() {
            switch (format, instruction.subject) {
            case (.vpc, .routeTable(let cluster, _)), (.calico, .calico(let cluster)),
                (.kubeProxy, .kubeProxy(let cluster, _)):
                if name == nil || cluster == name { found.append(instruction) }
            default: break
            }
        }
        if let name, planner.clusters[name] == nil {
            let known = planner.inventory.clusters.map(\.key)
            throw .unknownSubject(name: name, expected: .cluster, known: known)
        }
        return found
    }

    // MARK: Formats

    /// The text for a host.
    private func render(_ format: RenderFormat, host: HostPlan) -> String {
        let failover = FailoverRendering(planner, host.host)
        switch format {
        case .bird: return BIRDRendering.text(failover)
        case .frr: return FRRRendering.text(failover)
        case .keepalived: return KeepalivedRendering.text(failover)
        default: break
        }
        if host.isEmpty { return "" }
        switch format {
        case .shell: return ShellRendering(host).text
        case .iptables: return IPTablesRendering(host).text
        case .nft: return host.table.chains.isEmpty ? "" : host.table.replacement
        default: return SystemdRendering(host).text
        }
    }

    /// The text for a router.
    private func render(_ format: RenderFormat, router: OwnerInstruction) -> String {
        guard case .router(let site, let addresses) = router.subject, !router.routes.isEmpty else {
            return ""
        }
        let name = "router of site \(site) (\(addresses.map(\.description).joined(separator: ", ")))"
        return RouterLanguage(format)?.text(router.routes, of: name) ?? ""
    }

    /// The text for another owner.
    private func render(_ format: RenderFormat, owner: OwnerInstruction) -> String {
        switch owner.subject {
        case .routeTable(let cluster, let name):
            return VPCRendering.text(owner.routes, table: name, of: cluster)
        case .calico(let cluster): return CalicoRendering.text(owner.pools, of: cluster)
        case .kubeProxy(let cluster, _):
            return planner.clusters[cluster].map { KubeProxyRendering.text(for: $0) } ?? ""
        case .router: return ""
        }
    }
}

extension RouteAdvice {
    /// One line for each next hop, for syntaxes without lists of them.
    func lines(_ line: (NamedAddress) -> String) -> String {
        nextHops.map { line($0) + "\n" }.joined()
    }
}

extension IPPrefix {
    /// The mask of an IPv4 prefix in dotted form, as in `255.255.224.0`.
    var mask: String {
        let bits = length == 0 ? 0 : UInt32.max << UInt32(32 - min(length, 32))
        return IPAddress(v4: bits).description
    }
}
