import JSON

/// One question to a cluster's API server. All of them read, except for `serviceRange`: a dry run that makes
/// an impossible service, to be refused.
package enum SurveyTopic: Hashable, Sendable {
    /// The version of Kubernetes.
    case version
    /// The API groups that the server has.
    case groups
    /// All nodes.
    case nodes
    /// kube-apiserver, kube-controller-manager and kube-proxy where they are pods.
    case controlPlane
    /// The ConfigMaps of kube-system.
    case configMaps
    /// One of kube-system, if listing them is not permitted, or of another namespace.
    case configMap(namespace: String, name: String)
    /// The DaemonSets of all namespaces.
    case daemonSets
    /// Those of kube-system, if listing all is not permitted.
    case systemDaemonSets
    /// The services of kube-system that are the cluster's DNS.
    case dnsServices
    /// The pods of the cluster's DNS service.
    case dnsEndpoints(service: String)
    /// The endpoints of all services: only their changes are of interest, and one is read for the version.
    case endpointSlices
    /// Since Kubernetes 1.31 (v1beta1) or 1.33 (v1).
    case serviceCIDRs(version: String)
    /// - Parameter group: `crd.projectcalico.org/v1`, or `projectcalico.org/v3`.
    case calicoPools(group: String)
    /// Calico's block affinities.
    case calicoBlocks(group: String)
    /// Calico's FelixConfiguration.
    case calicoFelix(group: String)
    /// The CiliumNode objects.
    case ciliumNodes
    /// The pools of Cilium's multi-pool mode.
    case ciliumPools
    /// OpenShift's DNS: `operator.openshift.io/v1 DNS default`.
    case openShiftDNS
    /// OpenShift's network: `config.openshift.io/v1 Network cluster`.
    case openShiftNetwork
    /// The range of service addresses, from the refusal of an impossible one.
    case serviceRange(isIPv6: Bool)
}

extension SurveyTopic {
    /// The path and query of the request.
    package var path: String {
        switch self {
        case .version: "/version"
        case .groups: "/apis"
        case .nodes: "/api/v1/nodes?limit=500"
        case .controlPlane:
            "/api/v1/namespaces/kube-system/pods?limit=500&labelSelector=component%20in%20"
                + "(kube-apiserver%2Ckube-controller-manager%2Ckube-proxy)"
        case .configMaps: "/api/v1/namespaces/kube-system/configmaps?limit=500"
        case .configMap(let namespace, let name): "/api/v1/namespaces/\(namespace)/configmaps/\(name)"
        case .daemonSets: "/apis/apps/v1/daemonsets?limit=500"
        case .systemDaemonSets: "/apis/apps/v1/namespaces/kube-system/daemonsets?limit=500"
        case .dnsServices: "/api/v1/namespaces/kube-system/services?labelSelector=k8s-app%3Dkube-dns"
        case .dnsEndpoints(let service):
            "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?labelSelector="
                + "kubernetes.io%2Fservice-name%3D\(percentEncoded(service))"
        case .endpointSlices: "/apis/discovery.k8s.io/v1/endpointslices?limit=1"
        case .serviceCIDRs(let version): "/apis/networking.k8s.io/\(version)/servicecidrs?limit=500"
        case .calicoPools(let group): "/apis/\(group)/ippools?limit=500"
        case .calicoBlocks(let group): "/apis/\(group)/blockaffinities?limit=500"
        case .calicoFelix(let group): "/apis/\(group)/felixconfigurations/default"
        case .ciliumNodes: "/apis/cilium.io/v2/ciliumnodes?limit=500"
        case .ciliumPools: "/apis/cilium.io/v2alpha1/ciliumpodippools?limit=500"
        case .openShiftDNS: "/apis/operator.openshift.io/v1/dnses/default"
        case .openShiftNetwork: "/apis/config.openshift.io/v1/networks/cluster"
        case .serviceRange: "/api/v1/namespaces/default/services?dryRun=All"
        }
    }

    /// The body to post; nil for a question that only reads.
    ///
    /// The addresses are for documentation (RFC 5737, RFC 3849): no cluster gives them to services.
    package var body: String? {
        guard case .serviceRange(let isIPv6) = self else { return nil }
        let spec: [String: JSONValue] = [
            "ports": .array([.object(["port": .integer(53)])]),
            "clusterIP": .string(isIPv6 ? "2001:db8::1" : "192.0.2.1"),
            "ipFamilyPolicy": .string("SingleStack"),
            "ipFamilies": .array([.string(isIPv6 ? "IPv6" : "IPv4")]),
        ]
        return JSONValue.object([
            "apiVersion": .string("v1"), "kind": .string("Service"),
            "metadata": .object(["name": .string("namebridge-discover")]), "spec": .object(spec),
        ]).description
    }

    /// What stays unknown without an answer; nil if nothing.
    var purpose: String? {
        switch self {
        case .version, .groups, .dnsEndpoints, .ciliumPools: nil
        case .nodes: "nodes, their addresses and pod prefixes"
        case .controlPlane: "the arguments of kube-apiserver and kube-controller-manager"
        case .configMaps: "the settings of kubeadm, kube-proxy, kubelet, CoreDNS and the CNI"
        case .configMap(_, let name): "what ConfigMap \(name) says"
        case .daemonSets, .systemDaemonSets: "which CNI and kube-proxy run"
        case .dnsServices: "the address of the cluster's DNS"
        case .endpointSlices: "which names change"
        case .serviceCIDRs: "service prefixes"
        case .calicoPools: "Calico's pod prefixes and encapsulation"
        case .calicoBlocks: "Calico's pod prefixes of each node"
        case .calicoFelix: "whether Calico runs its eBPF data path"
        case .ciliumNodes: "Cilium's pod prefixes of each node"
        case .openShiftDNS: "address and domain of OpenShift's DNS"
        case .openShiftNetwork: "OpenShift's pod and service prefixes"
        case .serviceRange: "service prefixes"
        }
    }
}

extension SurveyTopic {
    /// The keys of the file that depend on the answer: unknown if the list is partial.
    var keys: [ClusterFindings.Key] {
        switch self {
        case .version, .groups, .ciliumPools, .endpointSlices: []
        case .nodes: [.nodes, .pods]
        case .controlPlane: [.pods, .services, .kubeProxy]
        case .configMaps, .configMap: [.domain, .cni, .kubeProxy]
        case .daemonSets, .systemDaemonSets: [.cni, .kubeProxy]
        case .dnsServices, .dnsEndpoints, .openShiftDNS: [.dns, .domain]
        case .serviceCIDRs, .serviceRange: [.services]
        case .calicoPools: [.pods, .cni]
        case .calicoFelix: [.cni, .kubeProxy]
        case .calicoBlocks, .ciliumNodes: [.nodes, .pods]
        case .openShiftNetwork: [.pods, .services, .cni]
        }
    }
}

/// `text` for a query (RFC 3986 section 2.3: unreserved characters stay).
func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for octet in text.utf8 {
        switch octet {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            encoded.unicodeScalars.append(Unicode.Scalar(octet))
        default:
            encoded += (octet < 16 ? "%0" : "%") + String(octet, radix: 16, uppercase: true)
        }
    }
    return encoded
}
