import IPAddressing
import JSON

/// The documents that several findings are read from.
extension ClusterSurvey {
    /// The `data` of a ConfigMap of kube-system, or of flannel's own namespace; nil if there is none.
    func configMap(named name: String) -> JSONValue? {
        let listed = items(.configMaps).first { $0.name == name }
        let map =
            listed ?? document(.configMap(namespace: "kube-system", name: name))
            ?? document(.configMap(namespace: "kube-flannel", name: name))
        return map?["data"]
    }

    /// Every DaemonSet that could be listed.
    var daemonSets: [JSONValue] { items(.daemonSets) + items(.systemDaemonSets) }

    /// The DaemonSet called one of `names` that runs on some node; the first in the order of the names.
    ///
    /// One that no node runs (`status.desiredNumberScheduled` 0) is left over from an earlier CNI.
    func daemonSet(_ names: String...) -> JSONValue? { daemonSet(names) }

    /// As `daemonSet(_:)` with several names.
    func daemonSet(_ names: [String]) -> JSONValue? {
        for name in names {
            let found = daemonSets.first {
                $0.name == name && $0["status"]?["desiredNumberScheduled"]?.integer != 0
            }
            if let found { return found }
        }
        return nil
    }

    /// Whether one of these agents runs; nil if DaemonSets could not be listed.
    func runs(_ agents: String...) -> Bool? {
        guard document(.daemonSets) != nil || document(.systemDaemonSets) != nil else { return nil }
        return daemonSet(agents) != nil
    }

    /// `namespace/name` of an object.
    static func place(of object: JSONValue) -> String {
        plainText((object["metadata"]?["namespace"]?.string ?? "kube-system") + "/" + object.name)
    }

    /// kubeadm's ClusterConfiguration; nil if kubeadm did not make the cluster.
    var kubeadm: JSONValue? {
        configMap(named: "kubeadm-config")?["ClusterConfiguration"]?.string.flatMap(readYAML)
    }

    /// The arguments of a pod of the control plane, as in `kube-apiserver`; nil if it is no pod.
    func arguments(of component: String) -> Arguments? {
        let pod = items(.controlPlane).first {
            $0["metadata"]?["labels"]?["component"]?.string == component
        }
        return pod.map { Arguments(podSpec: $0["spec"]) }
    }

    /// The arguments that k3s or RKE2 was started with on a server (its annotation of the node); nil if
    /// neither runs.
    ///
    /// Agents have none of the server's arguments: if only agents are seen, only the defaults are known.
    var k3sArguments: Arguments? {
        let found = distribution ?? Distribution(of: items(.nodes))
        return found.arguments ?? found.name.map { _ in Arguments(words: []) }
    }

    /// `k3s` or `RKE2`, by the version of the kubelets (as in `v1.30.4+k3s1`); nil for other distributions.
    var k3sName: String? { (distribution ?? Distribution(of: items(.nodes))).name }

    /// What nodes say of the distribution.
    struct Distribution: Sendable {
        /// `k3s` or `RKE2`; nil for others.
        var name: String?
        /// Those of a server.
        var arguments: Arguments?

        /// Looks at all nodes: many findings ask for it, and there may be thousands.
        init(of nodes: [JSONValue]) {
            for node in nodes where name == nil || arguments == nil {
                let annotations = node["metadata"]?["annotations"]
                let version = node["status"]?["nodeInfo"]?["kubeletVersion"]?.string ?? ""
                let plus = version.utf8.firstIndex(of: UInt8(ascii: "+"))
                let suffix = plus.map { version[$0...] } ?? ""
                let (k3s, rke2) = (
                    annotations?["k3s.io/node-args"]?.string, annotations?["rke2.io/node-args"]?.string
                )
                if name == nil {
                    if suffix.hasPrefix("+k3s") || k3s != nil {
                        name = "k3s"
                    } else if suffix.hasPrefix("+rke2") || rke2 != nil {
                        name = "RKE2"
                    }
                }
                guard arguments == nil, let text = k3s ?? rke2,
                    let words = (try? JSONReader.read(Array(text.utf8)))?.elements?.compactMap(\.string),
                    words.first == "server"
                else { continue }
                arguments = Arguments(words: words)
            }
        }
    }

    /// The service of the cluster's DNS that pods ask: not the one that a node-local cache uses, and one for
    /// those outside only if there is no other.
    var dnsService: JSONValue? {
        let services = items(.dnsServices).filter { service in
            service.name != "kube-dns-upstream" && !Self.addresses(of: service).isEmpty
        }
        let inside = services.first { ($0["spec"]?["type"]?.string ?? "ClusterIP") == "ClusterIP" }
        return services.first { $0.name == "kube-dns" } ?? inside ?? services.first
    }

    /// The ClusterIPs of a service, none for a headless one.
    static func addresses(of service: JSONValue) -> [IPAddress] {
        let several = service["spec"]?["clusterIPs"]?.elements?.compactMap(\.string) ?? []
        let texts = several.isEmpty ? [service["spec"]?["clusterIP"]?.string ?? ""] : several
        return texts.compactMap { IPAddress($0) }
    }

    /// True if a node has an address of IPv6.
    var hasIPv6: Bool {
        items(.nodes).contains { node in
            Self.internalAddresses(of: node).contains { $0.family == .v6 }
        }
    }

    /// A node's addresses of type InternalIP, each once.
    static func internalAddresses(of node: JSONValue) -> [IPAddress] {
        let rows = node["status"]?["addresses"]?.elements ?? []
        let addresses = rows.compactMap { row in
            row["type"]?.string == "InternalIP" ? row["address"]?.string.flatMap { IPAddress($0) } : nil
        }
        return unique(addresses)
    }

    /// True if flannel runs, alone or below Calico's policy (Canal).
    ///
    /// Its annotations of nodes remain when it is removed; they count if it is part of k3s, which has no
    /// DaemonSet of it, and if no other CNI's agent is seen.
    var hasFlannel: Bool {
        if daemonSet("kube-flannel-ds", "kube-flannel", "kube-flannel-ds-amd64", "canal", "rke2-canal") != nil
        {
            return true
        }
        guard items(.nodes).contains(where: { $0.annotation(Self.flannelBackend) != nil }) else {
            return false
        }
        return k3sName == "k3s"
            || runs(
                "calico-node", "cilium", "anetd", "aws-node", "azure-cns", "weave-net", "kube-router",
                "antrea-agent", "kube-ovn-cni", "ovnkube-node", "kindnet") != true
    }

    /// OpenShift's own description of its network; nil elsewhere.
    var openShiftNetwork: JSONValue? { document(.openShiftNetwork) }

    /// The annotation of a node with flannel's backend.
    static let flannelBackend = "flannel.alpha.coreos.com/backend-type"

    /// flannel's net-conf.json; nil if it has no ConfigMap.
    var flannelNetwork: JSONValue? {
        let text = configMap(named: "kube-flannel-cfg") ?? configMap(named: "canal-config")
        return text?["net-conf.json"]?.string.flatMap { try? JSONReader.read(Array($0.utf8)) }
    }
}

/// The command line of a program.
struct Arguments: Hashable {
    /// The words after the program's name.
    let words: [String]

    init(words: [String]) { self.words = words }

    /// Of all containers of a pod.
    init(podSpec spec: JSONValue?) {
        words = (spec?["containers"]?.elements ?? []).flatMap { container in
            (container["command"]?.elements ?? []) + (container["args"]?.elements ?? [])
        }.compactMap(\.string)
    }

    /// The value of `--name=VALUE` or `--name VALUE`; the last if there are several.
    func value(of name: String) -> String? { values(of: name).last }

    /// All values of `--name=VALUE` and `--name VALUE`.
    func values(of name: String) -> [String] {
        var values: [String] = []
        for (index, word) in words.enumerated() {
            if word.hasPrefix("--\(name)=") {
                values.append(String(word.dropFirst(name.count + 3)))
            } else if word == "--\(name)", words.indices.contains(index + 1) {
                values.append(words[index + 1])
            }
        }
        return values
    }

    /// True if `--name` is given, alone or as true.
    func has(_ name: String) -> Bool {
        words.contains("--\(name)") || value(of: name) == "true"
    }
}

/// `values` without repetitions.
func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
}
