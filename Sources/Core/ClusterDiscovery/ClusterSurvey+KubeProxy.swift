import Inventory
import JSON

extension ClusterSurvey {
    /// How services are translated on the nodes, and remarks about it.
    ///
    /// - Parameter calico: What was found of Calico's data path, which serves services in eBPF mode even if
    ///   kube-proxy's settings are left.
    func findKubeProxy(
        calico: Fact<CalicoSettings>?
    ) -> (found: Fact<KubeProxySettings>?, remarks: [String]) {
        if let calico, calico.value.usesBPF {
            return (
                Fact(KubeProxySettings(mode: .none), calico.source), ["Calico translates services itself"]
            )
        }
        if runs("cilium", "anetd") != false,
            let replacement = configMap(named: "cilium-config")?["kube-proxy-replacement"]?.string,
            ["true", "strict"].contains(replacement)
        {
            let source = "kube-proxy-replacement: \(replacement) in ConfigMap kube-system/cilium-config"
            return (Fact(KubeProxySettings(mode: .none), source), ["Cilium translates services itself"])
        }
        for (name, key) in [("kube-proxy", "config.conf"), ("kube-proxy-config", "config")] {
            guard let text = configMap(named: name)?[key]?.string, let settings = readYAML(text) else {
                continue
            }
            return settingsFound(settings, "\(key) in ConfigMap kube-system/\(name)")
        }
        let daemons = daemonSet("kube-proxy").map { Arguments(podSpec: $0["spec"]?["template"]?["spec"]) }
        if let arguments = daemons ?? arguments(of: "kube-proxy") {
            return argumentsFound(arguments, "the arguments of kube-proxy")
        }
        if let arguments = k3sArguments {
            if arguments.has("disable-kube-proxy") {
                return (Fact(KubeProxySettings(mode: .none), "k3s --disable-kube-proxy"), [])
            }
            let words = arguments.values(of: "kube-proxy-arg").map { "--" + $0 }
            return argumentsFound(Arguments(words: words), "k3s --kube-proxy-arg and its defaults")
        }
        return (nil, [])
    }

    /// Settings from a KubeProxyConfiguration.
    private func settingsFound(
        _ settings: JSONValue, _ source: String
    ) -> (Fact<KubeProxySettings>?, [String]) {
        var found = KubeProxySettings()
        var remarks: [String] = []
        let mode = settings["mode"]?.string ?? ""
        if !mode.isEmpty, mode != "null" {
            if let known = KubeProxyMode(rawValue: mode) {
                found.mode = known
            } else {
                remarks.append(plainText("its mode \(mode) is unknown here; iptables is assumed"))
            }
        }
        found.masqueradeAll = settings["iptables"]?["masqueradeAll"]?.string == "true"
        // KubeProxyConfiguration has the field for iptables; nftables has its own.
        if found.mode == .nftables {
            found.masqueradeAll = settings["nftables"]?["masqueradeAll"]?.string == "true"
        }
        let cluster = settings["clusterCIDR"]?.string
        found.clusterCIDR = Self.found(cluster, source)?.value ?? []
        return (Fact(found, source), remarks)
    }

    /// Settings from the arguments of a program.
    private func argumentsFound(
        _ arguments: Arguments, _ source: String
    ) -> (Fact<KubeProxySettings>?, [String]) {
        var found = KubeProxySettings()
        if let mode = arguments.value(of: "proxy-mode").flatMap(KubeProxyMode.init(rawValue:)) {
            found.mode = mode
        }
        found.masqueradeAll = arguments.has("masquerade-all")
        found.clusterCIDR = Self.found(arguments.value(of: "cluster-cidr"), source)?.value ?? []
        return (Fact(found, source), [])
    }
}
