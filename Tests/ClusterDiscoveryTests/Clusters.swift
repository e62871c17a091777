import JSON

/// Clusters as their API servers describe them.
enum Clusters {
    /// kubeadm, kube-proxy and CoreDNS as kubeadm sets them up; a CNI is missing.
    static func kubeadm(
        pods: String, services: String, dns: [String], proxyMode: String = "", masqueradeAll: Bool = false
    ) -> StandInCluster {
        var cluster = StandInCluster()
        cluster.addGroups("apps", "networking.k8s.io", "discovery.k8s.io")
        cluster.addConfigMap(
            "kubeadm-config",
            [
                "ClusterConfiguration": """
                apiServer:
                  extraArgs:
                    authorization-mode: Node,RBAC
                apiVersion: kubeadm.k8s.io/v1beta3
                kind: ClusterConfiguration
                networking:
                  dnsDomain: cluster.local
                  podSubnet: \(pods)
                  serviceSubnet: \(services)
                """
            ])
        cluster.addConfigMap(
            "kube-proxy",
            [
                "config.conf": """
                apiVersion: kubeproxy.config.k8s.io/v1alpha1
                clusterCIDR: \(pods)
                iptables:
                  localhostNodePorts: null
                  masqueradeAll: \(masqueradeAll)
                  masqueradeBit: null
                kind: KubeProxyConfiguration
                mode: "\(proxyMode)"
                """
            ])
        cluster.addConfigMap("coredns", ["Corefile": corefile])
        cluster.addControlPlane("kube-apiserver", ["--secure-port=6443", "--service-cluster-ip-range=\(services)"])
        cluster.addControlPlane("kube-controller-manager", ["--allocate-node-cidrs=true", "--cluster-cidr=\(pods)"])
        cluster.addDNS(dns, pods: [pods.hasPrefix("172") ? "172.17.33.2" : "10.244.0.2"])
        return cluster
    }

    static let corefile = """
        .:53 {
            errors
            ready
            # kubernetes nothing.example
            kubernetes cluster.local in-addr.arpa ip6.arpa {
               pods insecure
               fallthrough in-addr.arpa ip6.arpa
            }
            forward . /etc/resolv.conf
        }
        """

    // MARK: - Calico

    /// The network N2, with blocks, one of them given back, and the disabled pools of a mesh.
    static func calico(ipip: String, vxlan: String = "Never") -> StandInCluster {
        var cluster = kubeadm(
            pods: "172.17.32.0/19", services: "172.17.16.0/20", dns: ["172.17.16.10"], proxyMode: "ipvs",
            masqueradeAll: true)
        cluster.addGroups("crd.projectcalico.org")
        cluster.addDaemonSet("calico-node", variables: ["CALICO_IPV4POOL_IPIP": "Always"])
        for (name, address) in [("master1", "172.17.14.11"), ("node03", "172.17.14.13")] {
            cluster.addNode(name, [address], pods: [name == "master1" ? "172.17.32.0/24" : "172.17.33.0/24"])
        }
        let group = "/apis/crd.projectcalico.org/v1"
        for (name, cidr, isDisabled) in [
            ("default-ipv4-ippool", "172.17.32.0/19", false), ("pod-test-cluster2", "10.235.64.0/18", true),
        ] {
            cluster.append(
                group + "/ippools",
                .object([
                    "metadata": StandInCluster.metadata(name),
                    "spec": .object([
                        "cidr": .string(cidr), "ipipMode": .string(ipip), "vxlanMode": .string(vxlan),
                        "natOutgoing": .boolean(!isDisabled), "disabled": .boolean(isDisabled),
                    ]),
                ]))
        }
        for (node, cidr, state) in [
            ("master1", "172.17.33.0/26", "confirmed"), ("node03", "172.17.54.192/26", "confirmed"),
            ("node03", "172.17.40.64/26", "confirmed"), ("node03", "172.17.41.0/26", "pendingDeletion"),
        ] {
            cluster.append(
                group + "/blockaffinities",
                .object([
                    "metadata": StandInCluster.metadata("\(node)-\(cidr)"),
                    "spec": .object([
                        "cidr": .string(cidr), "node": .string(node), "state": .string(state),
                        "deleted": .string("false"),
                    ]),
                ]))
        }
        return cluster
    }

    // MARK: - flannel

    static func flannel(backend: String) -> StandInCluster {
        var cluster = kubeadm(pods: "10.244.0.0/16", services: "10.96.0.0/12", dns: ["10.96.0.10"])
        cluster.addDaemonSet("kube-flannel-ds", namespace: "kube-flannel")
        cluster.add(
            "/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg",
            .object([
                "metadata": StandInCluster.metadata("kube-flannel-cfg", namespace: "kube-flannel"),
                "data": .object([
                    "net-conf.json": .string(
                        #"{"Network": "10.244.0.0/16", "EnableNFTables": false, "Backend": {"Type": "\#(backend)"}}"#)
                ]),
            ]))
        for number in 1...3 {
            let annotations = [
                "flannel.alpha.coreos.com/backend-type": backend,
                "flannel.alpha.coreos.com/public-ip": "192.168.0.\(number)",
            ]
            cluster.addNode(
                "worker\(number)", ["192.168.0.\(number)"], pods: ["10.244.\(number).0/24"], annotations: annotations)
        }
        return cluster
    }

    // MARK: - Cilium

    /// Dual stack, with Cilium in the place of kube-proxy.
    static func cilium(mode: String) -> StandInCluster {
        var cluster = StandInCluster()
        cluster.addGroups("apps", "networking.k8s.io", "discovery.k8s.io", "cilium.io")
        cluster.addConfigMap("coredns", ["Corefile": corefile])
        cluster.addConfigMap(
            "cilium-config",
            [
                "ipam": "cluster-pool", "enable-ipv4": "true", "enable-ipv6": "true", "routing-mode": mode,
                "tunnel-protocol": "geneve", "cluster-pool-ipv4-cidr": "10.0.0.0/9 10.128.0.0/16",
                "cluster-pool-ipv6-cidr": "fd00:10::/104", "kube-proxy-replacement": "true",
                "ipv4-native-routing-cidr": "10.0.0.0/8",
            ])
        cluster.append(
            "/apis/networking.k8s.io/v1/servicecidrs",
            .object([
                "metadata": StandInCluster.metadata("kubernetes"),
                "spec": .object(["cidrs": .array([.string("172.20.0.0/16"), .string("fd00:20::/112")])]),
            ]))
        for number in 1...2 {
            cluster.addNode("node\(number)", ["192.0.2.1\(number)", "2001:db8::1\(number)"])
            let prefixes: [JSONValue] = [.string("10.0.\(number).0/24"), .string("fd00:10::\(number)00/120")]
            cluster.append(
                "/apis/cilium.io/v2/ciliumnodes",
                .object([
                    "metadata": StandInCluster.metadata("node\(number)"),
                    "spec": .object(["ipam": .object(["podCIDRs": .array(prefixes)])]),
                ]))
        }
        cluster.addDNS(["172.20.0.10", "fd00:20::a"])
        return cluster
    }

    // MARK: - Clouds

    /// EKS: no control plane to look at, pods in the VPC's subnets.
    static func vpc() -> StandInCluster {
        var cluster = StandInCluster()
        cluster.addGroups("apps", "networking.k8s.io", "discovery.k8s.io", "crd.k8s.amazonaws.com")
        cluster.addDaemonSet("aws-node", variables: ["AWS_VPC_K8S_CNI_EXTERNALSNAT": "false"])
        cluster.addConfigMap("coredns", ["Corefile": corefile])
        cluster.addConfigMap(
            "kube-proxy-config",
            ["config": "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nmode: \"iptables\"\nclusterCIDR: \"\"\n"])
        for number in 1...2 {
            cluster.addNode(
                "ip-10-0-40-\(number).eu-west-1.compute.internal", ["10.0.40.\(number)"],
                provider: "aws:///eu-west-1a/i-000\(number)")
        }
        cluster.addDNS(["172.20.0.10"])
        cluster.serviceRange = "172.20.0.0/16"
        return cluster
    }
}
