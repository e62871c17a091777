import IPAddressing
import Inventory
import NetworkModel
import PathHealth

extension RelayPlanning {
    /// Nodes of the far cluster: routes back to clients that keep their address, and the translation for
    /// services that a relay outside of the cluster cannot do.
    func contributeNode(to builder: inout PlanBuilder) {
        let host = builder.host
        let isRelay = relays.contains { $0.isSame(as: host) }
        for traffic in traffic {
            if keepsSource { returnRoutes(traffic, in: &builder) }
            if isAsymmetric, traffic.family == .v4, !isRelay, let tunnel {
                builder.take(role: .node)
                builder.setting(.reversePathFilter, .v4, of: tunnel, to: 2, because: path.label)
            } else if traffic.family == .v4, !isRelay, let device = cluster.cni?.tunnelDevice {
                builder.loosen(.named(device), whereBare: device, because: path.label)
            }
            // A node that is a relay itself is an entry for the relays that are no nodes.
            if needsEntry { enter(traffic, in: &builder) }
        }
    }

    /// Routes back to clients that keep their address.
    private func returnRoutes(_ traffic: PathTraffic, in builder: inout PlanBuilder) {
        guard cluster.subnets.isEmpty, cluster.cni != .vpc else { return }
        let hops = returnHosts.filter { !$0.isSame(as: builder.host) }
        guard !hops.isEmpty, returnHosts.count == hops.count else { return }
        builder.take(role: .node)
        // A relay's address in the near end's network is reached through the relay.
        builder.protect(
            relays.filter { !$0.isSame(as: builder.host) }.flatMap(\.host.addresses).filter { address in
                !traffic.sources.prefixes.contains { $0.contains(address) }
            })
        let shares = shares(of: hops, .back, in: &builder)
        for source in traffic.sources.prefixes {
            // A relay inside of the near end's network is reached the way that network is reached already.
            if hops.contains(where: { hop in
                let own = hop.host.addresses.filter { $0.family == traffic.family }
                return !own.isEmpty && own.allSatisfy(source.contains)
            }) {
                builder.note(
                    .advice,
                    "\(path.label): answers to \(source) take this host's own route to it; it must lead to"
                        + " \(hops.map(\.host.name).joined(separator: ", "))")
                continue
            }
            builder.route(
                to: source, through: shares.hosts, of: shares.group, because: path.label)
        }
    }

    /// The entry node translates requests of an outside relay to services: otherwise a pod on another node
    /// would answer directly, from an address that the client did not ask.
    private func enter(_ traffic: PathTraffic, in builder: inout PlanBuilder) {
        guard
            planner.entries(of: cluster, traffic.family).contains(where: { $0.name == builder.host.host.name }
            ),
            !traffic.services.isEmpty
        else { return }
        builder.take(role: .entry)
        let because = path.label
        let sources = keepsSource ? traffic.sources.prefixes : relaySources.map { IPPrefix(only: $0) }
        guard let entering = PathTraffic(traffic.family, sources: sources, to: cluster, targets: path.targets)
        else {
            return
        }
        if let uplink = builder.host.host.uplink(traffic.family) {
            builder.forwarding(traffic.family, uplink, because: because)
        }
        if !cluster.hides(entering.sources) {
            builder.translateServices(entering, .masquerade(isFullyRandom: true), because: because)
        }
        builder.refuseUnusedServices(entering, because: because)
        builder.accept(entering, because: because)
    }

    /// The source addresses of relays outside of the cluster: an address of theirs, or the one that they
    /// translate to.
    private var relaySources: [IPAddress] {
        let own = relays.filter { !isOwnNode($0) }.flatMap(\.host.addresses)
        guard case .snat(.addresses(let chosen)) = settings.source else { return own }
        return own + AddressFamily.allCases.compactMap { family in chosen.first { $0.family == family } }
    }

    // MARK: Warnings

    /// Adds the warnings of a relay.
    func warnRelay(_ builder: inout PlanBuilder, because: String) {
        if path.targets.services { builder.noteServices(of: cluster, because: because) }
        if path.targets.pods, isOwnNode(builder.host), !keepsSource {
            builder.noteBypass(of: cluster, because: because)
        }
        if relays.count > 1 {
            if !isWatched { warnSeveral(&builder) }
            // Answers through another relay of a cluster with a map are translated alike.
            if keepsSource, mapped == nil {
                builder.note(
                    .refusal,
                    "\(because): \"source: keep\" with \(relays.count) relays sends answers through relays"
                        + " that have not seen the question, which drop them: use one relay, or"
                        + " \"source: snat\"")
            }
        }
        if keepsSource { checkReturn(&builder, because: because) }
        if keepsSource, needsEntry, !kubeProxyMasquerades {
            builder.note(
                .advice,
                "\(because): pods keep seeing their clients, but clients of services hide behind the nodes"
                    + " that translate for them, since answers must come back there")
        }
        if isAsymmetric {
            builder.note(
                .warning,
                "\(because): requests reach pods through \(cluster.cni?.tunnelDevice ?? "the tunnel"),"
                    + " answers come back beside it; strict reverse path filters (rp_filter=1) on the relay"
                    + " and on every node drop that, so that the plans of the nodes are needed too;"
                    + " \"snat: masquerade\" takes the tunnel's address and needs nothing of the nodes")
        }
        if case .snat(.masquerade) = settings.source, let device = cluster.cni?.tunnelDevice {
            let address = builder.host.host.addresses.first
            builder.note(.tunnelSource(of: device, insteadOf: address, because: because))
        }
        if relays.count == 1 {
            builder.note(
                .advice,
                "\(because): \(builder.host.host.name) alone carries the path; a second relay keeps it up")
        }
    }

    /// Adds the warnings of several relays.
    func warnSeveral(_ builder: inout PlanBuilder) {
        builder.note(
            .warning,
            "\(path.label): routers and clouds do not notice that one of several next hops is dead, and"
                + " connections that move to another relay are reset: withdraw the route where the relay"
                + " fails its health check, or let \"net agent\" do that on a Linux router that is a host"
                + " of the file"
                + (path.probeTargets(of: cluster).isEmpty
                    ? ", for which \"probe: { targets: [ADDRESS:PORT] }\" must say what shows it" : ""))
    }

    /// True if a pod on another node than the relay's answers a service's client directly, past the node that
    /// translated the address, and no planned rule prevents it.
    var bypassesEntry: Bool {
        let isApart =
            endpoint.map { end in !relays.contains { $0.isSame(as: end) } } ?? !cluster.subnets.isEmpty
        return isApart && !needsEntry && path.targets.services && !cluster.services.isEmpty
            && !kubeProxyMasquerades
    }

    /// The alternative to translating on the relay; empty if kube-proxy has no field for it.
    private var fieldAdvice: String {
        guard let field = cluster.kubeProxy.mode.masqueradeAllField else { return "" }
        return ", or set \(field): true (or a clusterCIDR of each family, without the clients) in the"
            + " KubeProxyConfiguration of \(cluster.key) and restart its kube-proxy pods"
    }

    /// `keep` works only if every answer has a way back that is part of the plan.
    private func checkReturn(_ builder: inout PlanBuilder, because: String) {
        let isFabric = !cluster.subnets.isEmpty
        if !isFabric, cluster.nodes.isEmpty || cluster.cni == .vpc {
            builder.note(
                .refusal,
                "\(because): \"source: keep\" needs routes back to \(from) on every node of \(cluster.key):"
                    + " list its nodes, or its subnets where route tables lead there, or use \"source: snat\""
            )
        }
        if bypassesEntry {
            builder.note(
                .refusal,
                "\(because): a pod on another node than \(builder.host.host.name) answers a service's client"
                    + " past the node that translated the address, so that about half of the services fail"
                    + " (ping shows"
                    + " nothing of it): use \"source: snat\"" + fieldAdvice)
        }
    }
}
