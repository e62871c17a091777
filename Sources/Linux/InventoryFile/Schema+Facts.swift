import DomainNames
import IPAddressing
import Inventory
import Time

// The format of a file of facts: the keys are those of a cluster in the configuration file, each with the
// value, its source, and since when it is so.

extension Field {
    /// A whole file of facts.
    func clusterFacts() -> ClusterFacts? {
        mapping { keys in
            _ = keys.required("facts", .integer(1...1, "the version of the format,"))
            let cluster = keys.required("cluster", .key)
            let context = keys.required("context", .words)
            guard let cluster, let context else { return nil }
            var facts = ClusterFacts(cluster: cluster, context: context)
            keys.read("kubernetes", into: &facts.version, .words)
            facts.domain = keys.fact("domain") { $0.read(.domainName) }
            facts.dns = keys.fact("dns") { $0.list(of: .server) }
            facts.pods = keys.fact("pods") { $0.list(of: .prefix) }
            facts.services = keys.fact("services") { $0.list(of: .prefix) }
            facts.cni = keys.fact("cni") { $0.read(.word) }
            facts.kubeProxy = keys.fact("kube-proxy") { $0.kubeProxySettings() }
            facts.cilium = keys.fact("cilium") { $0.ciliumSettings() }
            facts.calico = keys.fact("calico") { $0.calicoSettings() }
            facts.nodes = keys.fact("nodes") { $0.foundNodes() }
            return facts
        }
    }

    /// The nodes of a file of facts.
    private func foundNodes() -> [ClusterFacts.FoundNode]? {
        entries(named: .name) { name, field in
            let read = field.mapping { keys in
                let node = keys.node(name)
                return ClusterFacts.FoundNode(node, since: keys.since())
            }
            return read ?? ClusterFacts.FoundNode(Node(name: name, addresses: []), since: 0)
        }
    }

    /// `follow` of a cluster.
    func followSettings() -> FollowSettings? {
        mapping { keys in
            let context = keys.required("context", .words)
            var settings = FollowSettings(context: context ?? "")
            keys.read("kubeconfig", into: &settings.kubeconfig, .path)
            keys.read("endpoints", into: &settings.endpoints, .boolean)
            return context == nil ? nil : settings
        }
    }
}

extension Keys {
    /// `{ value: ..., since: TIME, from: TEXT }`.
    fileprivate mutating func fact<Value: Hashable & Sendable>(
        _ key: String, _ read: (Field) -> Value?
    ) -> Fact<Value>? {
        value(of: key) { field in
            field.mapping { keys in
                let value = keys.required("value", "what was found", read)
                let since = keys.since()
                let source = keys.required("from", .words)
                guard let value, let source else { return nil }
                return Fact(value, source, since: since)
            }
        }
    }

    /// `since`, in seconds since 1970.
    fileprivate mutating func since() -> Int { required("since", .time)?.seconds ?? 0 }
}

extension Scalar where Value == String {
    /// A text of any words on one line.
    static var words: Scalar {
        Scalar(expected: "a text on one line") { text in
            Reading((1...4000).contains(text.utf8.count) && text == text.printable ? text : nil)
        }
    }
}

extension Scalar where Value == UTCTime {
    /// A time with its date.
    static var time: Scalar {
        Scalar(expected: "a time in UTC, as in 2026-07-01T08:30:00Z") { Reading(UTCTime($0)) }
    }
}
