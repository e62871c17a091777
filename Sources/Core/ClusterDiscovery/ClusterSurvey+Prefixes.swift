import IPAddressing
import Inventory
import JSON

extension ClusterSurvey {
    // MARK: - Services

    /// The prefixes of ClusterIPs, from the best source there is.
    var servicePrefixes: Fact<[IPPrefix]>? {
        serviceCIDRPrefixes ?? argumentPrefixes ?? kubeadmPrefixes(of: "serviceSubnet")
            ?? k3sPrefixes(of: "service-cidr", otherwise: "10.43.0.0/16") ?? openShiftServices ?? refusedRange
    }

    /// ServiceCIDR objects: several if the range was extended.
    private var serviceCIDRPrefixes: Fact<[IPPrefix]>? {
        for version in ["v1", "v1beta1"] {
            let topic = SurveyTopic.serviceCIDRs(version: version)
            let objects = items(topic)
            let prefixes = objects.flatMap { object in
                (object["spec"]?["cidrs"]?.elements ?? []).compactMap(\.string).compactMap(prefix)
            }
            if !prefixes.isEmpty {
                let names = objects.map { plainText($0.name) }.joined(separator: ", ")
                return Fact(withoutNested(prefixes), "ServiceCIDR \(names)")
            }
        }
        return nil
    }

    /// The range in the arguments of kube-apiserver.
    private var argumentPrefixes: Fact<[IPPrefix]>? {
        Self.found(
            arguments(of: "kube-apiserver")?.value(of: "service-cluster-ip-range"),
            "kube-apiserver --service-cluster-ip-range")
    }

    /// The range of a key of kubeadm's `networking`.
    private func kubeadmPrefixes(of key: String) -> Fact<[IPPrefix]>? {
        Self.found(
            kubeadm?["networking"]?[key]?.string,
            "networking.\(key) in ConfigMap kube-system/kubeadm-config")
    }

    /// - Parameter standard: The default of k3s and RKE2.
    private func k3sPrefixes(of name: String, otherwise standard: String) -> Fact<[IPPrefix]>? {
        guard let arguments = k3sArguments else { return nil }
        let values = arguments.values(of: name)
        if values.isEmpty { return Self.found(standard, "the default of \(k3sName ?? "k3s")") }
        return Self.found(values.joined(separator: ","), "k3s --\(name)")
    }

    /// The service network of OpenShift.
    private var openShiftServices: Fact<[IPPrefix]>? {
        let texts = openShiftNetwork?["status"]?["serviceNetwork"]?.elements?.compactMap(\.string) ?? []
        return Self.found(
            texts.joined(separator: ","), "status.serviceNetwork of OpenShift's Network cluster")
    }

    /// The cluster network of OpenShift.
    private var openShiftPods: Fact<[IPPrefix]>? {
        let rows = openShiftNetwork?["status"]?["clusterNetwork"]?.elements ?? []
        let texts = rows.compactMap { $0["cidr"]?.string }
        return Self.found(
            texts.joined(separator: ","), "status.clusterNetwork of OpenShift's Network cluster")
    }

    /// Weave Net's range, which it divides among the nodes itself.
    private var weavePrefixes: Fact<[IPPrefix]>? {
        guard let node = daemonSet("weave-net") else { return nil }
        let text = Self.variable("IPALLOC_RANGE", of: node)
        let source =
            text == nil ? "Weave Net's default" : "IPALLOC_RANGE of DaemonSet \(Self.place(of: node))"
        return Self.found(text ?? "10.32.0.0/12", source)
    }

    /// The range named in the refusal of a dry run.
    private var refusedRange: Fact<[IPPrefix]>? {
        let prefixes = [false, true].compactMap { isIPv6 in
            serviceRange(inRefusal: failure(.serviceRange(isIPv6: isIPv6)))
        }
        if prefixes.isEmpty { return nil }
        return Fact(
            unique(prefixes),
            "the refusal of a service with an impossible address (a dry run: nothing was written)")
    }

    // MARK: - Pods

    /// The prefixes that pods get their addresses from, as `cni` gives them out.
    func podPrefixes(cni: CNI?) -> Fact<[IPPrefix]>? {
        switch cni {
        case .calicoIPIP, .calicoVXLAN, .calicoBGP:
            if let pools = calicoPoolPrefixes { return pools }
        case .cilium: if let pools = ciliumPoolPrefixes { return pools }
        case .flannelVXLAN, .flannelHostGateway: if let network = flannelPrefixes { return network }
        case .vpc: return nodePrefixUnion  // not kubeadm's: the cloud assigns the addresses
        case .other, nil:
            if hasFlannel, let network = flannelPrefixes { return network }
            if let found = openShiftPods ?? weavePrefixes { return found }
        }
        return kubeadmPrefixes(of: "podSubnet")
            ?? Self.found(
                arguments(of: "kube-controller-manager")?.value(of: "cluster-cidr"),
                "kube-controller-manager --cluster-cidr")
            ?? k3sPrefixes(of: "cluster-cidr", otherwise: "10.42.0.0/16") ?? nodePrefixUnion
    }

    /// The prefixes of Calico's pools.
    private var calicoPoolPrefixes: Fact<[IPPrefix]>? {
        let pools = calicoPools
        let prefixes = pools.compactMap { $0["spec"]?["cidr"]?.string }.compactMap(prefix)
        if !prefixes.isEmpty {
            let names = pools.map { plainText($0.name) }.joined(separator: ", ")
            return Fact(withoutNested(prefixes), "Calico's IPPool \(names)")
        }
        guard let node = daemonSet("calico-node") else { return nil }
        let variables = ["CALICO_IPV4POOL_CIDR", "CALICO_IPV6POOL_CIDR"]
        let texts = variables.compactMap { Self.variable($0, of: node) }
        return Self.found(
            texts.joined(separator: ","),
            "the variables CALICO_IPV4POOL_CIDR and CALICO_IPV6POOL_CIDR of DaemonSet"
                + " \(Self.place(of: node))")
    }

    /// The prefixes of Cilium's cluster pool.
    private var ciliumPoolPrefixes: Fact<[IPPrefix]>? {
        let settings = configMap(named: "cilium-config")
        let mode = settings?["ipam"]?.string ?? ""
        if mode == "multi-pool" {
            let prefixes = items(.ciliumPools).flatMap { pool in
                ["ipv4", "ipv6"].flatMap { pool["spec"]?[$0]?["cidrs"]?.elements ?? [] }
            }.compactMap(\.string).compactMap(prefix)
            return prefixes.isEmpty ? nil : Fact(withoutNested(prefixes), "CiliumPodIPPool")
        }
        guard mode == "cluster-pool" || mode == "cluster-pool-v2beta" else { return nil }
        let keys = ["cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr"]
        let enabled = zip(keys, ["enable-ipv4", "enable-ipv6"]).filter { settings?[$1]?.string != "false" }
        return Self.found(
            enabled.compactMap { settings?[$0.0]?.string }.joined(separator: ","),
            "cluster-pool-ipv4-cidr and -ipv6-cidr in ConfigMap kube-system/cilium-config")
    }

    /// The network of flannel.
    private var flannelPrefixes: Fact<[IPPrefix]>? {
        guard let network = flannelNetwork else { return nil }
        let texts = [network["Network"]?.string, network["IPv6Network"]?.string].compactMap(\.self)
        return Self.found(texts.joined(separator: ","), "flannel's net-conf.json")
    }

    /// All pod prefixes of nodes; adjacent ones are joined.
    private var nodePrefixUnion: Fact<[IPPrefix]>? {
        let prefixes = items(.nodes).flatMap(Self.podPrefixes(ofNode:))
        if prefixes.isEmpty { return nil }
        return Fact(joined(prefixes), "spec.podCIDRs of the nodes, together")
    }

    /// The prefixes that Kubernetes has given to a node.
    static func podPrefixes(ofNode node: JSONValue) -> [IPPrefix] {
        let several = node["spec"]?["podCIDRs"]?.elements?.compactMap(\.string) ?? []
        let texts = several.isEmpty ? [node["spec"]?["podCIDR"]?.string ?? ""] : several
        return unique(texts.compactMap(prefix))
    }

    /// The value of a container's environment variable; nil if it is not set.
    static func variable(_ name: String, of workload: JSONValue) -> String? {
        let spec = workload["spec"]?["template"]?["spec"]
        for container in spec?["containers"]?.elements ?? [] {
            let variable = container["env"]?.elements?.first { $0["name"]?.string == name }
            if let value = variable?["value"]?.string { return value }
        }
        return nil
    }

    /// Prefixes between commas or spaces; nil if there is none.
    static func found(_ text: String?, _ source: String) -> Fact<[IPPrefix]>? {
        let words = (text ?? "").split { $0 == "," || $0.isWhitespace }
        let prefixes = words.compactMap { prefix(String($0)) }
        return prefixes.isEmpty ? nil : Fact(unique(prefixes), source)
    }
}

/// The prefix in `text`, with or without host bits; nil if it is none.
func prefix(_ text: String) -> IPPrefix? {
    do throws(IPPrefixError) {
        return try IPPrefix(parsing: text)
    } catch {
        if case .hostBits(let meant) = error { return meant }
        return nil
    }
}

/// The prefix at the end of the API server's refusal of a service's address (pkg/registry/core/service of
/// Kubernetes: "The range of valid IPs is 10.96.0.0/12").
func serviceRange(inRefusal failure: KubectlFailure?) -> IPPrefix? {
    guard case .invalid(let words)? = failure, let phrase = words.range(of: "range of valid IPs is ") else {
        return nil
    }
    let text = words[phrase.upperBound...].prefix {
        $0.isHexDigit || $0 == "." || $0 == ":" || $0 == "/"
    }
    var trimmed = String(text)
    while trimmed.last == "." || trimmed.last == ":" { trimmed.removeLast() }
    return trimmed.contains("/") ? prefix(trimmed) : nil
}

/// True for 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291 section 2.5.6).
func isLinkLocal(_ address: IPAddress) -> Bool {
    ["169.254.0.0/16", "fe80::/10"].compactMap(prefix).contains { $0.contains(address) }
}

/// `prefixes` in their order, without those inside of others.
func withoutNested(_ prefixes: [IPPrefix]) -> [IPPrefix] {
    var outer: [IPPrefix] = []
    for prefix in Set(prefixes).sorted() where outer.last?.contains(prefix) != true { outer.append(prefix) }
    let kept = Set(outer)
    return unique(prefixes.filter { kept.contains($0) })
}
