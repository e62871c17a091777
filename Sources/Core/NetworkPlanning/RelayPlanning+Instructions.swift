import IPAddressing
import Inventory
import NetworkModel

extension RelayPlanning {
    /// The routes to enter in routers and cloud route tables.
    func instruct(_ list: inout InstructionList) {
        for (near, far) in zip(nearTraffic, traffic) {
            instructNearEnd(near, &list)
            instructFarEnd(near, far, into: &list)
        }
        if keepsSource, bypassesEntry, let field = cluster.kubeProxy.mode.masqueradeAllField {
            list.mention(.kubeProxy(cluster: cluster.key, field: field))
        }
    }

    /// The near end's routes to the far end.
    private func instructNearEnd(_ traffic: PathTraffic, _ list: inout InstructionList) {
        // By BGP the router learns its routes.
        guard settings.failover != .bgp else { return }
        var hops = firstHops.named(traffic.family)
        if let vrrp = settings.vrrp {
            hops =
                vrrp.address.family == traffic.family
                ? [NamedAddress(name: "VRRP", address: vrrp.address)] : []
        }
        guard !hops.isEmpty else { return }
        var subjects: [OwnerInstruction.Subject] = []
        if let site = planner.sites[from] {
            if !site.routers.isEmpty { subjects = [.router(site: from, addresses: site.routers)] }
        } else if let near = planner.clusters[from] {
            let holders = near.subnets.filter { PrefixSet.overlap($0.networks, traffic.sources.prefixes) }
            subjects = (holders.isEmpty ? near.subnets : holders).map {
                .routeTable(cluster: from, name: $0.routeTable)
            }
        }
        // The far end's VPN host is no neighbour of the site's router, whose tunnel leads to it.
        let isThroughTunnel = planner.sites[from] != nil && endpoint?.place == cluster.key
        for subject in subjects {
            for prefix in traffic.destinations {
                list.add(
                    RouteAdvice(
                        destination: prefix, nextHops: hops, because: path.label,
                        isThroughTunnel: isThroughTunnel),
                    to: subject)
            }
        }
    }

    /// The far end's route tables: back to the near end, and from the VPN's end to the relays.
    private func instructFarEnd(
        _ near: PathTraffic, _ traffic: PathTraffic, into list: inout InstructionList
    ) {
        guard keepsSource || endpoint != nil else { return }
        let back = returnHosts.named(traffic.family)
        for subnet in cluster.subnets {
            let table = OwnerInstruction.Subject.routeTable(cluster: cluster.key, name: subnet.routeTable)
            let holdsEndpoint = returnHosts.contains { planner.subnet(of: $0.host, in: cluster) == subnet }
            if !holdsEndpoint || endpoint == nil {
                for source in traffic.sources.prefixes where !back.isEmpty {
                    list.add(RouteAdvice(destination: source, nextHops: back, because: path.label), to: table)
                }
            }
            guard endpoint != nil, holdsEndpoint else { continue }
            // Pods with addresses of the cloud's network need no route.
            let isNative = PrefixSet.overlap(cluster.subnets.flatMap(\.networks), traffic.pods.prefixes)
            let wanted = isNative && mapped == nil ? near.services.prefixes : near.destinations
            for prefix in wanted {
                list.add(
                    RouteAdvice(
                        destination: prefix, nextHops: relays.named(traffic.family), because: path.label),
                    to: table)
            }
        }
    }
}

extension [LocatedHost] {
    /// Names and addresses of those with an address of `family`.
    func named(_ family: AddressFamily) -> [NamedAddress] {
        compactMap { located in
            located.host.address(family).map { NamedAddress(name: located.host.name, address: $0) }
        }
    }
}
