import Inventory
import JSON

extension ClusterSurvey {
    /// What Cilium's ConfigMap says of its data path; nil if Cilium does not run, or only beside another
    /// CNI's data path.
    func findCilium(cni: CNI?) -> Fact<CiliumSettings>? {
        guard cni == .cilium || cni == .vpc, runs("cilium", "anetd") != false,
            let settings = configMap(named: "cilium-config")
        else { return nil }
        func isTrue(_ key: String) -> Bool { settings[key]?.string == "true" }
        var found = CiliumSettings()
        found.servesOutsiders = isTrue("bpf-lb-external-clusterip")
        found.masqueradesInBPF = isTrue("enable-bpf-masquerade")
        found.routesInHost = isTrue("enable-host-legacy-routing")
        found.routingMode = Self.ciliumRoutingMode(settings)
        return Fact(found, "ConfigMap kube-system/cilium-config")
    }

    /// How Cilium carries packets: `tunnel` until 1.13, `routing-mode` since.
    static func ciliumRoutingMode(_ settings: JSONValue) -> CiliumRoutingMode {
        let isNative =
            settings["routing-mode"]?.string == "native" || settings["tunnel"]?.string == "disabled"
        return isNative ? .native : .tunnel
    }

    /// Whether Calico runs its eBPF data path; nil if Calico does not run, or nothing says so. A variable of
    /// its DaemonSet goes before its FelixConfiguration.
    func findCalico(cni: CNI?) -> Fact<CalicoSettings>? {
        guard cni?.isCalico == true else { return nil }
        var found = CalicoSettings()
        if let node = daemonSet("calico-node"), let value = Self.variable("FELIX_BPFENABLED", of: node) {
            found.usesBPF = ["true", "yes", "t", "y", "1"].contains(value.lowercased())
            return Fact(found, "FELIX_BPFENABLED of DaemonSet \(Self.place(of: node))")
        }
        guard let group = calicoGroup,
            let usesBPF = document(.calicoFelix(group: group))?["spec"]?["bpfEnabled"]?.boolean
        else { return nil }
        found.usesBPF = usesBPF
        return Fact(found, "bpfEnabled of FelixConfiguration default")
    }
}
