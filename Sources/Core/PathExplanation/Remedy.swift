import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import PacketPath

/// What makes packets arrive that do not.
struct Remedy {
    /// What was asked.
    let question: ExplainedQuestion
    /// The file.
    let inventory: Inventory
    /// The path between the ends; nil if the file has none.
    let path: Path?
    /// The machine that translates the destination of the packets that fail; nil if none does.
    let translator: PathHop?

    /// The key of the sender's place.
    private var from: String { question.from.place }
    /// The key of the destination's place.
    private var to: String { question.to.place }
    /// The destination's cluster; nil if it is in none.
    private var cluster: Cluster? { inventory.cluster(to) }

    /// The first thing to do.
    func fix(for code: PathCode, failure: PathTrace?, decision: Explanation.Decision?) -> String {
        let host = decision?.host ?? ""
        switch code {
        case .noRoute where to.isEmpty:
            let address = failure?.last.destination.description ?? question.to.text
            return
                "no path of the file leads to \(address): name its network there as a site or a cluster, with"
                + " a path to it; without one its routes are not Namebridge's"
        case .noRoute where decision?.role == NetworkBuilder.underlayRole: return unplaced(failure)
        case .routeElsewhere where decision?.evidence == .read:
            return
                "another program's route takes these packets at \(host): remove it there (namebridge net plan"
                + " on \(host) names it), or let it leave these addresses out"
        case .noRoute, .routeElsewhere: return missingRoute(at: host, code, failure)
        case .noReturnRoute, .noMasquerade: return missingReturn(at: host)
        case .replyBypassesRelay: return bypass
        case .forwardingOff:
            return "namebridge net apply on \(host), or sysctl -w \(setting(in: decision, to: 1))"
        case .reversePathFilter: return acceptedSource(at: host, failure)
        case .filterDrop, .dockerForward:
            return "accept this traffic before that rule: namebridge net plan on \(host) prints the commands"
        case .sourceBecomes: return ""
        case .clusterIPExternalOff:
            return "set bpf-lb-external-clusterip: \"true\" in ConfigMap kube-system/cilium-config, restart"
                + " Cilium's pods, and say so in clusters.\(to).cilium; or use pods (targets: [pods])"
        case .clusterIPNoEndpoint: return "start a pod that the service selects: kubectl get endpointslices"
        case .proxyModeUnknown:
            return "say in clusters.\(to) what translates services: kube-proxy.mode or cilium"
        case .neighbourMissing, .forwardingEntryMissing: return "namebridge net apply on \(host)"
        case .mtu: return "let \"fragmentation needed\" through, or lower the sender's MTU"
        case .hairpin:
            return "masquerade packets that \(host) translates back to their own sender, as kube-proxy's"
                + " rules do; and let the bridge of the pods send them back (hairpin mode)"
        case .overlap: return "namebridge: give clusters.\(to) a \"map\""
        case .conntrackFull: return "sysctl -w net.netfilter.nf_conntrack_max=... on \(host)"
        case .notObserved: return unknown(at: host)
        }
    }

    /// What makes a host take packets with that source.
    private func acceptedSource(at host: String, _ failure: PathTrace?) -> String {
        let step = failure?.culprit?.step
        let device = step?.device ?? "all"
        let source = step?.before.source.description ?? question.from.text
        switch step?.sourceFault {
        case .ownAddress:
            return
                "\(host) has \(source) itself: give one of the two another address, or let packets not return"
                + " to \(host) with it; if they are meant to, sysctl -w"
                + " net.ipv4.conf.\(device).accept_local=1"
        case .noRoute: return "namebridge net apply on \(host), or enter a route to \(source) there"
        case .bareDevice:
            return
                "namebridge net apply on \(host), or sysctl -w net.ipv4.conf.\(device).rp_filter=0"
                + " net.ipv4.conf.all.rp_filter=0 (\(device) has no IPv4 address: there 2 is as strict as 1)"
        case .anotherDevice, nil:
            return "namebridge net apply on \(host), or sysctl -w net.ipv4.conf.\(device).rp_filter=2"
        }
    }

    /// As in `net.ipv4.conf.eth0.forwarding=1`.
    private func setting(in decision: Explanation.Decision?, to value: Int) -> String {
        let name = decision?.rule.split(separator: " ").first.map { String($0) } ?? "net.ipv4.ip_forward"
        return "\(name)=\(value)"
    }

    /// What mends a next hop that no machine of the file has.
    private func unplaced(_ failure: PathTrace?) -> String {
        if let path, case .relay(let settings) = path.carrier, let virtual = settings.vrrp {
            return "give a relay of \(path.label) the address \(virtual.address): keepalived does it with the"
                + " configuration of \"namebridge net render --format keepalived\""
        }
        let address = failure?.last.destination.description ?? question.to.text
        return "complete the file: it does not tell which machine takes packets for \(address)"
    }

    /// What mends a missing route.
    private func missingRoute(at host: String, _ code: PathCode, _ failure: PathTrace?) -> String {
        guard !from.isEmpty, !to.isEmpty, from != to else {
            return "enter a route to \(failure?.last.destination.description ?? question.to.text) at \(host)"
        }
        guard let path else { return addedPath }
        if let target = missingTarget(failure) {
            return
                "namebridge: path \(from) -> \(to) leads to \(target.has) alone: add"
                + " \(target.lacks) to \"targets\""
        }
        return "namebridge net apply on \(host), or enter the routes of"
            + " \"namebridge net render\" (\(path.label)) there"
    }

    /// The path that the file lacks.
    private var addedPath: String {
        let nodes = inventory.cluster(to)?.nodes.prefix(1).map(\.name) ?? []
        return "namebridge: add a path to the file, as in"
            + " { from: \(from), to: \(to), via: relay, relays: [\(nodes.first ?? "NODE")] }"
    }

    /// What the path does not carry although the packet is for it; nil if it carries it.
    private func missingTarget(_ failure: PathTrace?) -> (has: String, lacks: String)? {
        guard let path, let cluster, let address = failure?.packet.destination else { return nil }
        let inner = cluster.addressMap.inner(of: address) ?? address
        if !path.targets.services, cluster.services.contains(where: { $0.contains(inner) }) {
            return ("pods", "services")
        }
        if !path.targets.pods, cluster.pods.contains(where: { $0.contains(inner) }) {
            return ("services", "pods")
        }
        return nil
    }

    /// What mends a missing way back.
    private func missingReturn(at host: String) -> String {
        guard let path, case .relay(let settings) = path.carrier else {
            return "namebridge net apply on \(host), or enter a route back to \(from) there"
        }
        if case .snat = settings.source { return "namebridge net apply on \(host)" }
        return
            "namebridge: path \(from) -> \(to), set `source: snat` (now `\(settings.source.word)`), or enter"
            + " a route back to \(from) at \(host)"
    }

    /// What makes answers return through the machine that has translated the request.
    private var bypass: String {
        if path == nil, cluster != nil, !from.isEmpty, from != to { return addedPath }
        guard let path, case .relay(let settings) = path.carrier else {
            return "let requests leave the translating node with its own address" + field
        }
        if settings.relays.count > 1, settings.source != .snat(.masquerade), case .keep = settings.source {
            return "namebridge: path \(from) -> \(to), use one relay, or set `source: snat` (now `keep`)"
        }
        if case .snat = settings.source { return entryRule }
        return "namebridge: path \(from) -> \(to), set `source: snat` (now `\(settings.source.word)`)" + field
    }

    /// What makes the node that translates hide a source that the relay has hidden already.
    private var entryRule: String {
        guard let translator, translator.steps.contains(where: { $0.evidence == .read }) else {
            let node = translator?.host ?? "the translating node"
            return "let requests leave \(node) with its own address" + field
        }
        return "namebridge net apply on \(translator.host): its rule for services hides the source" + field
    }

    /// The setting of kube-proxy that helps as well; empty if it has none.
    private var field: String {
        guard let cluster, let field = cluster.kubeProxy.mode.masqueradeAllField else { return "" }
        return ", or kube-proxy `\(field): true`"
    }

    /// What makes the unknown known.
    private func unknown(at host: String) -> String {
        if from.isEmpty, host == "the file" {
            return "name the network of \(question.from.text) in the file, as a site or in a cluster"
        }
        let name = host.isEmpty || host == "the file" ? "HOST" : host
        return
            "observe it: namebridge net observe > \(name).json on \(name), then --state DIR; or complete"
            + " the file"
    }

    // MARK: - Remarks

    /// What a reader should know besides.
    func notes(on explanation: Explanation) -> [String] {
        var notes: [String] = []
        let isService = explanation.exchanges.contains { exchange in
            exchange.request.steps.contains { $0.stage == .service }
        }
        if isService, explanation.code == .replyBypassesRelay {
            notes.append(
                "ping proves nothing here: a ClusterIP is answered, or not, by the node that the packet"
                    + " comes to, and pods' own addresses work as well; only services whose pod is on another"
                    + " node fail")
        }
        if question.transport.hasPrefix("icmp"),
            explanation.exchanges.contains(where: { exchange in
                cluster?.services.contains { $0.contains(exchange.request.packet.destination) } == true
            })
        {
            notes.append("services are ports: no packet of ping reaches a pod behind one")
        }
        if let note = failover(on: explanation) { notes.append(note) }
        if let size = explanation.exchanges.lazy.flatMap(\.request.steps).filter({ $0.code == .mtu })
            .compactMap(\.mtu).min()
        {
            notes.append(
                "packets larger than \(size) octets depend on \"fragmentation needed\" reaching the sender")
        }
        return notes
    }

    /// Which relay is taken to carry where another program decides; nil if none is.
    private func failover(on explanation: Explanation) -> String? {
        guard let path, case .relay(let settings) = path.carrier,
            settings.failover == .bgp || settings.failover == .vrrp
        else { return nil }
        let carriers = explanation.exchanges.lazy.flatMap(\.request.hops)
            .filter { hop in hop.role == "relay" && hop.steps.contains { $0.evidence == .planned } }
            .map(\.host)
        let names = Set(carriers).sorted()
        guard !names.isEmpty else { return nil }
        let verb = names.count == 1 ? "has" : "have"
        let what =
            settings.failover == .bgp
            ? "that routers have learned the routes by BGP from"
            : "that the virtual address \(settings.vrrp?.address.description ?? "") is at"
        return "it is assumed \(what) \(names.joined(separator: ", ")), which \(verb) the highest priority"
    }
}

extension PathSource {
    /// As the file has it.
    var word: String {
        switch self {
        case .snat: "snat"
        case .keep: "keep"
        case .map: "map"
        }
    }
}
