import IPAddressing
import Inventory
import NetworkModel
import NetworkPlanning
import PacketPath

/// What nodes of a cluster do with packets to services and of pods, as far as the file tells of it.
struct ClusterServices {
    /// The cluster with the nodes that are told apart.
    private let cluster: Cluster
    /// The cluster of the file.
    private let whole: Cluster

    init(_ cluster: Cluster, whole: Cluster) {
        self.cluster = cluster
        self.whole = whole
    }

    /// One pod of each node, and one of a node that is not known if there may be one.
    static func pods(of cluster: Cluster, _ family: AddressFamily) -> [IPAddress] {
        var pods = cluster.nodes.compactMap { node in
            node.pods.first { $0.family == family }?.example
        }
        if cluster.nodes.isEmpty || cluster.nodes.contains(where: { $0.pods.isEmpty }) {
            let known = PrefixSet(cluster.nodes.flatMap(\.pods))
            let other = cluster.pods.filter { $0.family == family }.lazy.flatMap { prefix in
                [prefix.lastAddress.bits - 10, prefix.lastAddress.bits / 2 + prefix.address.bits / 2].map {
                    IPAddress(family: family, bits: $0)
                }
            }.first { address in !known.contains(address) && cluster.pods.contains { $0.contains(address) } }
            if let other { pods.append(other) }
        }
        return pods
    }

    /// The program that translates services, for each family.
    var proxies: [ServiceProxy] {
        AddressFamily.allCases.compactMap { family in
            let services = PrefixSet(cluster.services.filter { $0.family == family })
            guard !services.isEmpty else { return nil }
            let (behaviour, name) = behaviour(family)
            return ServiceProxy(
                services: services, endpoints: Self.pods(of: cluster, family), insiders: insiders,
                behaviour: behaviour, name: name, evidence: .assumed)
        }
    }

    /// Addresses of pods and nodes of the cluster.
    private var insiders: PrefixSet {
        PrefixSet(whole.pods + whole.nodes.flatMap(\.addresses).map { IPPrefix(only: $0) })
    }

    /// What the program does, and its name.
    private func behaviour(_ family: AddressFamily) -> (ServiceProxy.Behaviour, String) {
        if cluster.calico.usesBPF { return (.translates(hidingOutside: insiders), "Calico (eBPF)") }
        let proxy = cluster.kubeProxy
        guard proxy.mode == .none else {
            let inside = PrefixSet(proxy.clusterCIDR.filter { $0.family == family })
            let hidden = proxy.masqueradeAll ? PrefixSet([]) : inside.isEmpty ? nil : inside
            return (.translates(hidingOutside: hidden), "kube-proxy (\(proxy.mode.rawValue))")
        }
        guard cluster.cni == .cilium || cluster.cilium != nil else {
            return (.unknown, "services of \(cluster.key)")
        }
        if cluster.cilium?.servesOutsiders == true {
            return (.translates(hidingOutside: insiders), "Cilium")
        }
        return (.refusesOutsiders, "Cilium")
    }

    /// What pods' addresses become towards other networks.
    func masquerades(_ instructions: [OwnerInstruction]) -> [SourceMasquerade] {
        let pods = PrefixSet(whole.pods)
        guard !pods.isEmpty, let name else { return [] }
        var exceptions = whole.pods
        for instruction in instructions where whole.cni?.isCalico == true {
            guard case .calico(whole.key) = instruction.subject else { continue }
            exceptions += instruction.pools.map(\.prefix)
        }
        return [SourceMasquerade(sources: pods, exceptions: PrefixSet(exceptions), name: name)]
    }

    /// What does it; nil if pods keep their addresses.
    private var name: String? {
        switch whole.cni {
        case .calicoIPIP, .calicoVXLAN, .calicoBGP: "natOutgoing of Calico"
        case .flannelVXLAN, .flannelHostGateway: "masquerade of Flannel"
        case .cilium: "masquerade of Cilium"
        case .vpc: nil
        case .other, nil: "masquerade of the network plugin"
        }
    }
}
