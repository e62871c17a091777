package import DomainNames
package import IPAddressing

/// A value that was found in a cluster, and its source there.
package struct Fact<Value: Hashable & Sendable>: Hashable, Sendable {
    /// The value.
    package var value: Value

    /// Such as `ConfigMap kube-system/kubeadm-config`.
    package var source: String

    /// When this value was first found, in seconds since 1970; nil if only one survey is known.
    package var since: Int?

    /// Creates a fact.
    package init(_ value: Value, _ source: String, since: Int? = nil) {
        self.value = value
        self.source = source
        self.since = since
    }
}

/// What a cluster says of itself. Nil is what was not found.
package struct ClusterValues: Hashable, Sendable {
    /// Of Kubernetes, as in `v1.29.3`.
    package var version: String?

    /// The zone of the cluster's DNS.
    package var domain: Fact<DomainName>?
    /// The servers of the cluster's DNS.
    package var dns: Fact<[Endpoint]>?
    /// The prefixes of the pods.
    package var pods: Fact<[IPPrefix]>?
    /// The prefixes of the services.
    package var services: Fact<[IPPrefix]>?
    /// The CNI.
    package var cni: Fact<CNI>?
    /// The settings of kube-proxy.
    package var kubeProxy: Fact<KubeProxySettings>?
    /// What is known of Cilium's data path; nil also if it does not run.
    package var cilium: Fact<CiliumSettings>?
    /// What is known of Calico's data path; nil also if it does not run.
    package var calico: Fact<CalicoSettings>?

    /// Nothing is known.
    package init() {}
}

/// What is known of a cluster that is followed: what `namebridge follow` has found in it. Nil is what was
/// never found.
@dynamicMemberLookup
package struct ClusterFacts: Hashable, Sendable {
    /// Its key in the configuration file.
    package var cluster: String

    /// Its context in the kubeconfig.
    package var context: String

    /// What it says of itself: `facts.domain` is `facts.values.domain`.
    package var values = ClusterValues()

    /// The nodes by name, each as its source has had it since its own time.
    package var nodes: Fact<[FoundNode]>?

    /// Creates cluster facts.
    package init(cluster: String, context: String) {
        self.cluster = cluster
        self.context = context
    }

    /// One of `values`.
    package subscript<Value>(dynamicMember path: WritableKeyPath<ClusterValues, Value>) -> Value {
        get { values[keyPath: path] }
        set { values[keyPath: path] = newValue }
    }

    /// A node, and since when it is so.
    package struct FoundNode: Hashable, Sendable {
        /// The node; it has no device.
        package var node: Node

        /// When the node was first found like this, in seconds since 1970.
        package var since: Int

        /// Creates a found node.
        package init(_ node: Node, since: Int) {
            self.node = node
            self.since = since
        }
    }

    /// A key of a cluster in the configuration file that can be found.
    package enum Key: String, Hashable, Sendable, CaseIterable {
        case domain, dns, pods, services, cni
        case kubeProxy = "kube-proxy"
        case cilium, calico, nodes
    }

    /// The source of the value of `key`, and since when it is so; nil if it was never found.
    package func origin(of key: Key) -> (source: String, since: Int)? {
        switch key {
        case .domain: Self.origin(values.domain)
        case .dns: Self.origin(values.dns)
        case .pods: Self.origin(values.pods)
        case .services: Self.origin(values.services)
        case .cni: Self.origin(values.cni)
        case .kubeProxy: Self.origin(values.kubeProxy)
        case .cilium: Self.origin(values.cilium)
        case .calico: Self.origin(values.calico)
        case .nodes: Self.origin(nodes)
        }
    }

    /// The origin of one value.
    private static func origin<Value>(_ fact: Fact<Value>?) -> (source: String, since: Int)? {
        fact.map { ($0.source, $0.since ?? 0) }
    }
}

/// How a cluster is followed: the key `follow`.
package struct FollowSettings: Hashable, Sendable {
    /// The context of the kubeconfig.
    package var context: String

    /// The kubeconfig; nil: where kubectl looks.
    package var kubeconfig: String?

    /// Whether endpoints of services are followed, so that changed names leave the cache at once.
    /// Default: false.
    package var endpoints: Bool

    /// The keys that the file has itself: their values win over what is found.
    package var written: Set<ClusterFacts.Key> = []

    /// Creates follow settings.
    package init(context: String, kubeconfig: String? = nil, endpoints: Bool = false) {
        self.context = context
        self.kubeconfig = kubeconfig
        self.endpoints = endpoints
    }
}
